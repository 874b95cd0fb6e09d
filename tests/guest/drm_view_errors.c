// SPDX-License-Identifier: GPL-2.0
/*
 * Who may have a view and of what: each error that DRM_IOCTL_GEM_VIEW
 * documents, what a failure leaves behind, render nodes and those without
 * privileges.
 */
#include "harness.h"

#include <grp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <drm/virtgpu_drm.h>

#include "drm_guest.h"

#define SIZE	(16 * PAGE)
#define NOBODY	65534

#define BACKING	DRM_GEM_VIEW_BACKING
#define DEVICE	DRM_GEM_VIEW_DEVICE
#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(errors)
{
	struct drm_buf buf;
	struct drm_gem_view args;
	int dev;
	int objects;
	int fds;
};

FIXTURE_VARIANT(errors)
{
	struct drm_kind kind;
	bool backing;
	bool render;
};

FIXTURE_VARIANT_ADD(errors, vgem)
{
	.kind = { .driver = VGEM },
	.render = true,
};

FIXTURE_VARIANT_ADD(errors, vgem_cached)
{
	.kind = { .driver = VGEM, .cached = true },
	.backing = true,
	.render = true,
};

FIXTURE_VARIANT_ADD(errors, vkms)
{
	.kind = { .driver = VKMS },
	.backing = true,
};

FIXTURE_VARIANT_ADD(errors, virtio_gpu)
{
	.kind = { .driver = VIRTIO_GPU },
	.backing = true,
	.render = true,
};

/* The first free number: it is the same when nothing has been left open. */
static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

FIXTURE_SETUP(errors)
{
	self->dev = -1;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	self->dev = drm_open(variant->kind.driver);
	ASSERT_LE(0, self->dev);
	self->objects = drm_objects();
	ASSERT_EQ(0, drm_set_kind(&variant->kind));
	ASSERT_EQ(0, drm_dumb(self->dev, SIZE, &self->buf));
	self->args = (struct drm_gem_view) {
		.handle = self->buf.handle,
		.view = DEVICE,
		.flags = DRM_GEM_VIEW_RDWR | DRM_GEM_VIEW_CLOEXEC,
		.fd = -7,
	};
	self->fds = next_fd();
}

FIXTURE_TEARDOWN(errors)
{
	if (self->dev < 0)
		return;
	close(self->dev);
	drm_reset_kind(&variant->kind);
	EXPECT_TRUE(drm_objects_settle(self->objects))
		TH_LOG("%d objects, before it %d", drm_objects(),
		       self->objects);
}

/* What a call fails with; it must not have touched the fd. */
static int error_of(int dev, const struct drm_gem_view *args)
{
	struct drm_gem_view copy = *args;
	int err = drm_view_ioctl(dev, &copy);

	if (!err) {
		close(copy.fd);
		return 0;
	}
	return copy.fd == args->fd ? -err : 0;
}

TEST_F(errors, none)
{
	EXPECT_EQ(0, drm_view_ioctl(self->dev, &self->args));
	EXPECT_EQ(self->fds, self->args.fd);
	close(self->args.fd);
}

TEST_F(errors, capability)
{
	int render;

	EXPECT_TRUE(drm_has_views(self->dev));
	if (!variant->render)
		return;
	render = drm_open_render(variant->kind.driver);
	ASSERT_LE(0, render);
	EXPECT_TRUE(drm_has_views(render));
	close(render);
}

TEST_F(errors, no_such_handle)
{
	self->args.handle = 0;
	EXPECT_EQ(ENOENT, error_of(self->dev, &self->args));
	self->args.handle = self->buf.handle + 1;
	EXPECT_EQ(ENOENT, error_of(self->dev, &self->args));
	self->args.handle = -1;
	EXPECT_EQ(ENOENT, error_of(self->dev, &self->args));
	self->args.handle = self->buf.handle;
	EXPECT_EQ(0, drm_free(&self->buf));
	EXPECT_EQ(ENOENT, error_of(self->dev, &self->args));
	EXPECT_EQ(self->fds, next_fd());
}

TEST_F(errors, handle_of_another_client)
{
	int dev = drm_open(variant->kind.driver);

	ASSERT_LE(0, dev);
	EXPECT_EQ(ENOENT, error_of(dev, &self->args));
	close(dev);
}

TEST_F(errors, unknown_view)
{
	self->args.view = 2;
	EXPECT_EQ(EINVAL, error_of(self->dev, &self->args));
	self->args.view = -1;
	EXPECT_EQ(EINVAL, error_of(self->dev, &self->args));
}

TEST_F(errors, unknown_flags)
{
	unsigned int bit;

	for (bit = 3; bit < 32; bit++) {
		self->args.flags = 1U << bit;
		EXPECT_EQ(EINVAL, error_of(self->dev, &self->args));
	}
	/* Neither those of open() */
	self->args.flags = O_CLOEXEC | O_RDWR;
	EXPECT_EQ(EINVAL, error_of(self->dev, &self->args));
}

TEST_F(errors, pad)
{
	self->args.pad = 1;
	EXPECT_EQ(EINVAL, error_of(self->dev, &self->args));
}

TEST_F(errors, lowest_fd)
{
	struct rlimit limit;

	self->args.lowest_fd = 3;
	EXPECT_EQ(EINVAL, error_of(self->dev, &self->args));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	self->args.flags |= DRM_GEM_VIEW_LOWEST_FD;
	self->args.lowest_fd = limit.rlim_cur;
	EXPECT_EQ(EINVAL, error_of(self->dev, &self->args));
	self->args.lowest_fd = -1;
	EXPECT_EQ(EINVAL, error_of(self->dev, &self->args));
	self->args.lowest_fd = 1U << 31;
	EXPECT_EQ(EINVAL, error_of(self->dev, &self->args));
	self->args.lowest_fd = limit.rlim_cur - 1;
	EXPECT_EQ(0, error_of(self->dev, &self->args));
	/* A failure this late has let go of the buffer too */
	ASSERT_EQ(0, drm_free(&self->buf));
	EXPECT_TRUE(drm_objects_settle(self->objects));
}

TEST_F(errors, too_many_files)
{
	struct rlimit limit, low;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	low = limit;
	low.rlim_cur = self->fds;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	EXPECT_EQ(EMFILE, error_of(self->dev, &self->args));
	self->args.flags |= DRM_GEM_VIEW_LOWEST_FD;
	self->args.lowest_fd = self->fds - 1;
	EXPECT_EQ(EMFILE, error_of(self->dev, &self->args));
	self->args.lowest_fd = self->fds;
	EXPECT_EQ(EINVAL, error_of(self->dev, &self->args));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(0, error_of(self->dev, &self->args));
	ASSERT_EQ(0, drm_free(&self->buf));
	EXPECT_TRUE(drm_objects_settle(self->objects));
}

TEST_F(errors, bad_address)
{
	EXPECT_EQ(EFAULT, ERRNO_OF(ioctl(self->dev, DRM_IOCTL_GEM_VIEW, 8)));
	EXPECT_EQ(self->fds, next_fd());
}

TEST_F(errors, backing_view_of_what_is_write_combined)
{
	self->args.view = BACKING;
	EXPECT_EQ(variant->backing ? 0 : EOPNOTSUPP,
		  error_of(self->dev, &self->args));
	self->args.flags = 0;
	EXPECT_EQ(variant->backing ? 0 : EOPNOTSUPP,
		  error_of(self->dev, &self->args));
}

/* How it is mapped is settled when it is made. */
TEST_F(errors, parameter_is_of_new_buffers)
{
	struct drm_kind other = variant->kind;

	other.cached = !other.cached;
	if (strcmp(other.driver, VGEM)) {
		EXPECT_EQ(-ENOENT, drm_set_kind(&other));
		return;
	}
	ASSERT_EQ(0, drm_set_kind(&other));
	self->args.view = BACKING;
	EXPECT_EQ(variant->backing ? 0 : EOPNOTSUPP,
		  error_of(self->dev, &self->args));
}

TEST_F(errors, imported)
{
	const char *other = strcmp(variant->kind.driver, VKMS) ? VKMS : VGEM;
	int importer = drm_open(other), dmabuf = drm_export(&self->buf);
	struct drm_gem_view args = {};

	ASSERT_LE(0, importer);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, drm_import(importer, dmabuf, &args.handle));
	args.view = DEVICE;
	EXPECT_EQ(EOPNOTSUPP, error_of(importer, &args));
	args.view = BACKING;
	EXPECT_EQ(EOPNOTSUPP, error_of(importer, &args));
	/* At home it is not imported */
	EXPECT_EQ(0, error_of(self->dev, &self->args));
	close(dmabuf);
	close(importer);
}

/* A dumb buffer's handle on the render node, by way of PRIME. */
TEST_F(errors, render_node)
{
	int render, dmabuf, fd;
	struct drm_buf buf;
	char *mem;

	render = drm_open_render(variant->kind.driver);
	if (!variant->render) {
		EXPECT_EQ(-ENODEV, render);
		return;
	}
	dmabuf = drm_export(&self->buf);
	ASSERT_LE(0, render);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, drm_import(render, dmabuf, &buf.handle));
	close(dmabuf);
	ASSERT_EQ(0, drm_free(&self->buf));
	close(self->dev);
	buf.dev = render;
	fd = drm_view(&buf, variant->backing ? BACKING : DEVICE,
		      DRM_GEM_VIEW_RDWR);
	ASSERT_LE(0, fd);
	close(render);
	mem = mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	close(fd);
	pattern_fill(mem, SIZE, 1);
	EXPECT_EQ(0, pattern_check(mem, SIZE, 1));
	EXPECT_EQ(self->objects + 1, drm_objects());
	munmap(mem, SIZE);
	EXPECT_TRUE(drm_objects_settle(self->objects));
	self->dev = drm_open(variant->kind.driver);
}

/* The open device is all it takes, on either node. */
static int unprivileged(void *arg)
{
	struct drm_gem_view *args = arg;
	char path[64], byte = 'u';
	int dev = args->pad, fd;
	char *mem;

	args->pad = 0;
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return 1;
	if (drm_path(dev, path, sizeof(path)) || open(path, O_RDWR) >= 0)
		return 2;
	if (drm_view_ioctl(dev, args))
		return 3;
	fd = args->fd;
	if (pwrite(fd, &byte, 1, PAGE) != 1)
		return 4;
	mem = mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return 5;
	return mem[PAGE] == 'u' ? 0 : 6;
}

TEST_F(errors, unprivileged)
{
	struct drm_gem_view args = self->args;
	int render, dmabuf;

	args.pad = self->dev;
	EXPECT_EQ(0, in_child(unprivileged, &args));
	if (!variant->render)
		return;
	render = drm_open_render(variant->kind.driver);
	dmabuf = drm_export(&self->buf);
	ASSERT_LE(0, render);
	ASSERT_LE(0, dmabuf);
	args.pad = render;
	ASSERT_EQ(0, drm_import(render, dmabuf, &args.handle));
	EXPECT_EQ(0, in_child(unprivileged, &args));
	close(dmabuf);
	close(render);
}

/* A resource of virtio-gpu's own kind, made on the render node */
TEST_F(errors, native_buffer)
{
	struct drm_virtgpu_resource_create create = {
		.target = 2,
		.format = 1,
		.width = 1024,
		.height = SIZE / 4096,
		.depth = 1,
		.array_size = 1,
		.size = SIZE,
	};
	struct drm_virtgpu_map map = {};
	struct drm_buf buf;
	char *mem, *driver;
	int fd;

	if (strcmp(variant->kind.driver, VIRTIO_GPU)) {
		EXPECT_EQ(EINVAL,
			  ERRNO_OF(ioctl(self->dev,
					 DRM_IOCTL_VIRTGPU_RESOURCE_CREATE,
					 &create)));
		return;
	}
	buf.dev = drm_open_render(VIRTIO_GPU);
	ASSERT_LE(0, buf.dev);
	ASSERT_EQ(0, ioctl(buf.dev, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE,
			   &create));
	buf.handle = create.bo_handle;
	map.handle = create.bo_handle;
	ASSERT_EQ(0, ioctl(buf.dev, DRM_IOCTL_VIRTGPU_MAP, &map));
	driver = mmap(NULL, SIZE, RW, MAP_SHARED, buf.dev, map.offset);
	fd = drm_view(&buf, BACKING, DRM_GEM_VIEW_RDWR);
	ASSERT_LE(0, fd);
	mem = mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, driver);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 2);
	EXPECT_EQ(0, pattern_check(driver, SIZE, 2));
	EXPECT_EQ(SIZE, drm_fdinfo(fd, "pinned"));
	munmap(driver, SIZE);
	munmap(mem, SIZE);
	close(fd);
	close(buf.dev);
}

/*
 * One thread makes and closes what the other asks for views of, until that one
 * has come in time, and too late.
 */
struct race {
	int dev;
	__u32 handle;
	int got;
	int missed;
	int bad;
	bool over;
};

static bool race_is_won(struct race *race)
{
	return __atomic_load_n(&race->got, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&race->missed, __ATOMIC_RELAXED);
}

static void *make_and_close(void *arg)
{
	struct race *race = arg;
	struct drm_buf buf;
	int i;

	for (i = 0; i < 2000 || (i < 200000 && !race_is_won(race)); i++) {
		if (drm_dumb(race->dev, PAGE, &buf)) {
			race->bad++;
			break;
		}
		__atomic_store_n(&race->handle, buf.handle, __ATOMIC_RELAXED);
		sched_yield();
		drm_free(&buf);
	}
	__atomic_store_n(&race->over, true, __ATOMIC_RELAXED);
	return NULL;
}

TEST_F(errors, view_of_what_is_being_closed)
{
	struct race race = { .dev = self->dev };
	pthread_t thread;
	char byte;
	int err;

	ASSERT_EQ(0, pthread_create(&thread, NULL, make_and_close, &race));
	/* No miss before there was anything to be had */
	while (!__atomic_load_n(&race.handle, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&race.over, __ATOMIC_RELAXED))
		sched_yield();
	while (!__atomic_load_n(&race.over, __ATOMIC_RELAXED)) {
		struct drm_gem_view args = self->args;

		args.handle = __atomic_load_n(&race.handle, __ATOMIC_RELAXED);
		err = drm_view_ioctl(self->dev, &args);
		if (err) {
			race.bad += err != -ENOENT;
			__atomic_add_fetch(&race.missed, 1, __ATOMIC_RELAXED);
			continue;
		}
		race.bad += pwrite(args.fd, "x", 1, PAGE - 1) != 1 ||
			    pread(args.fd, &byte, 1, PAGE - 1) != 1 ||
			    byte != 'x';
		close(args.fd);
		__atomic_add_fetch(&race.got, 1, __ATOMIC_RELAXED);
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, race.bad);
	EXPECT_LT(0, race.got);
	EXPECT_LT(0, race.missed);
	TH_LOG("%d views, %d too late", race.got, race.missed);
	EXPECT_TRUE(drm_objects_settle(self->objects + 1));
}

TEST_HARNESS_MAIN
