// SPDX-License-Identifier: GPL-2.0
/*
 * What may come in between: another driver at the same dma-buf, a device that
 * goes while somebody is in its driver, and a module that is to be unloaded.
 * One of the two is stopped where the other matters.
 */
#include "harness.h"

#include <sys/ioctl.h>

#include "drm_guest.h"
#include "race.h"

#define SIZE	(64 * PAGE)
#define RW	(PROT_READ | PROT_WRITE)

#define BACKING	DRM_GEM_VIEW_BACKING
#define DEVICE	DRM_GEM_VIEW_DEVICE

static void *map(int fd)
{
	return mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
}

static int map_and_check(int fd)
{
	char *mem = map(fd);
	int bad;

	if (mem == MAP_FAILED)
		return -errno;
	bad = pattern_check(mem, SIZE, 1);
	munmap(mem, SIZE);
	return bad ? -EIO : 0;
}

/* What is shared with the parties, which are children */
static void *shared(size_t size)
{
	return mmap(NULL, size, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* --- two drivers and one dma-buf ------------------------------------------ */

struct user {
	int dev;
	int dmabuf;
	__u32 handle;
};

FIXTURE(dmabuf)
{
	int stop;
	struct drm_buf buf;
	struct user *users;	/* two opens of the importer */
	int exporter;
	int dmabuf;
	int objects;
	long shmem;
};

FIXTURE_VARIANT(dmabuf)
{
	struct drm_kind from;
	const char *to;
	const char *pin;	/* where an import has the pages */
};

FIXTURE_VARIANT_ADD(dmabuf, vgem_to_vkms)
{
	.from = { .driver = VGEM },
	.to = VKMS,
	.pin = "anon_object_pin_sgt",
};

FIXTURE_VARIANT_ADD(dmabuf, vgem_cached_to_vkms)
{
	.from = { .driver = VGEM, .cached = true },
	.to = VKMS,
	.pin = "anon_object_pin_sgt",
};

FIXTURE_VARIANT_ADD(dmabuf, virtio_gpu_to_vgem)
{
	.from = { .driver = VIRTIO_GPU },
	.to = VGEM,
	.pin = "drm_gem_map_attach",
};

FIXTURE_SETUP(dmabuf)
{
	int i;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": this is a stock kernel");
	self->stop = race_device();
	self->users = shared(2 * sizeof(*self->users));
	ASSERT_LE(0, self->stop);
	self->exporter = drm_open(variant->from.driver);
	ASSERT_LE(0, self->exporter);
	self->objects = drm_objects();
	self->shmem = meminfo("Shmem");
	ASSERT_EQ(0, drm_set_kind(&variant->from));
	ASSERT_EQ(0, drm_dumb(self->exporter, SIZE, &self->buf));
	self->dmabuf = drm_export(&self->buf);
	ASSERT_LE(0, self->dmabuf);
	for (i = 0; i < 2; i++) {
		self->users[i].dev = drm_open(variant->to);
		self->users[i].dmabuf = self->dmabuf;
		ASSERT_LE(0, self->users[i].dev);
	}
}

FIXTURE_TEARDOWN(dmabuf)
{
	if (!self->users)
		return;
	close(self->users[0].dev);
	close(self->users[1].dev);
	close(self->exporter);
	drm_reset_kind(&variant->from);
	EXPECT_TRUE(drm_objects_settle(self->objects))
		TH_LOG("%d objects, not %d", drm_objects(), self->objects);
	EXPECT_TRUE(drm_meminfo_falls("Shmem", self->shmem + DRM_SLACK));
	close(self->stop);
}

static int import(void *arg)
{
	struct user *user = arg;

	return drm_import(user->dev, user->dmabuf, &user->handle);
}

/* By way of the importer's own dma-buf, for it need not map what is imported */
static int export_import(struct user *user)
{
	struct drm_buf buf = {
		.dev = user->dev,
		.handle = user->handle,
		.size = SIZE,
	};

	return drm_export(&buf);
}

static int check_import(void *arg)
{
	int fd = export_import(arg), err;

	if (fd < 0)
		return fd;
	err = map_and_check(fd);
	close(fd);
	return err;
}

static int fill_export(void *buf)
{
	char *mem = drm_map(buf, SIZE, RW);

	if (mem == MAP_FAILED)
		return -errno;
	pattern_fill(mem, SIZE, 1);
	munmap(mem, SIZE);
	return 0;
}

/* Whoever exports it need not have it any more, when it has been imported. */
TEST_F(dmabuf, exporter_leaves_amid_import)
{
	struct race race;

	ASSERT_EQ(0, fill_export(&self->buf));
	STOP(&race, self->stop, "dma_buf_attach", false, import,
	     &self->users[0]);
	EXPECT_EQ(0, drm_free(&self->buf));
	close(self->dmabuf);
	race_go(self->stop);
	ASSERT_EQ(0, race_finish(&race));
	EXPECT_EQ(0, check_import(&self->users[0]));
}

/* One lets it go while another has yet to have it. */
TEST_F(dmabuf, importer_leaves_amid_import)
{
	struct user *one = &self->users[0], *two = &self->users[1];
	struct race race;

	ASSERT_EQ(0, fill_export(&self->buf));
	ASSERT_EQ(0, import(two));
	EXPECT_EQ(0, check_import(two));
	STOP(&race, self->stop, "dma_buf_attach", false, import, one);
	EXPECT_EQ(0, drm_close_handle(two->dev, two->handle));
	race_go(self->stop);
	ASSERT_EQ(0, race_finish(&race));
	EXPECT_EQ(0, drm_free(&self->buf));
	close(self->dmabuf);
	EXPECT_EQ(0, check_import(one));
}

/* Two want its pages, and the exporter as well: they are had once. */
TEST_F(dmabuf, imported_amid_import)
{
	struct user *one = &self->users[0], *two = &self->users[1];
	struct race race, other;

	STOP(&race, self->stop, variant->pin, false, import, one);
	ASSERT_EQ(0, race_start(&other, import, two));
	race_over(&other, 500);
	race_go(self->stop);
	ASSERT_EQ(0, race_finish(&race));
	ASSERT_EQ(0, race_finish(&other));
	ASSERT_EQ(0, fill_export(&self->buf));
	EXPECT_EQ(0, check_import(one));
	EXPECT_EQ(0, drm_close_handle(one->dev, one->handle));
	EXPECT_EQ(0, drm_free(&self->buf));
	close(self->dmabuf);
	EXPECT_EQ(0, check_import(two));
}

/* --- a device that goes --------------------------------------------------- */

FIXTURE(unbind)
{
	int stop;
	int dev;
	struct drm_buf buf;
	int backing, device;
	char name[256];
	int objects;
};

FIXTURE_SETUP(unbind)
{
	char *mem;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": this is a stock kernel");
	self->stop = race_device();
	ASSERT_LE(0, self->stop);
	self->dev = drm_open(VIRTIO_GPU);
	ASSERT_LE(0, self->dev);
	ASSERT_TRUE(drm_virtio_name(self->name, sizeof(self->name)));
	self->objects = drm_objects();
	ASSERT_EQ(0, drm_dumb(self->dev, SIZE, &self->buf));
	self->backing = drm_view(&self->buf, BACKING, DRM_GEM_VIEW_RDWR);
	self->device = drm_view(&self->buf, DEVICE, DRM_GEM_VIEW_RDWR);
	ASSERT_LE(0, self->backing);
	ASSERT_LE(0, self->device);
	mem = map(self->backing);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 1);
	munmap(mem, SIZE);
}

FIXTURE_TEARDOWN(unbind)
{
	int dev;

	if (!self->name[0])
		return;
	close(self->backing);
	close(self->device);
	close(self->dev);
	write_file(VIRTIO_GPU_DRIVER "/bind", "%s", self->name);
	dev = drm_open(VIRTIO_GPU);
	EXPECT_LE(0, dev);
	EXPECT_TRUE(drm_objects_settle(self->objects));
	close(dev);
	close(self->stop);
}

static int unbind(void *name)
{
	return write_file(VIRTIO_GPU_DRIVER "/unbind", "%s", (char *)name);
}

/* While somebody is stopped, as far as the device can go without him */
static void unbind_amid(struct __test_metadata *_metadata, int stop,
			char *name, struct race *race, int want)
{
	struct race other;

	ASSERT_EQ(0, race_start(&other, unbind, name));
	race_over(&other, 1000);
	race_go(stop);
	EXPECT_EQ(want, race_finish(race));
	EXPECT_EQ(0, race_finish(&other));
}

static int view_backing(void *arg)
{
	FIXTURE_DATA(unbind) *self = arg;
	int fd = drm_view(&self->buf, BACKING, DRM_GEM_VIEW_RDWR);

	return fd < 0 ? fd : map_and_check(fd);
}

static int view_device(void *arg)
{
	FIXTURE_DATA(unbind) *self = arg;
	int fd = drm_view(&self->buf, DEVICE, DRM_GEM_VIEW_RDWR);

	return fd < 0 ? fd : map_and_check(fd);
}

static int map_device(void *arg)
{
	FIXTURE_DATA(unbind) *self = arg;

	return map_and_check(self->device);
}

static int read_device(void *arg)
{
	FIXTURE_DATA(unbind) *self = arg;
	char *buf = malloc(SIZE);

	if (pread(self->device, buf, SIZE, 0) != SIZE)
		return -EIO;
	return pattern_check(buf, SIZE, 1) ? -EIO : 0;
}

/* The memory is there, with the device or without it. */
TEST_F(unbind, amid_backing_view)
{
	struct race race;

	STOP(&race, self->stop, "anon_object_view", false, view_backing, self);
	unbind_amid(_metadata, self->stop, self->name, &race, 0);
	EXPECT_EQ(0, map_and_check(self->backing));
}

/* But there is nothing to map it as the device has it. */
TEST_F(unbind, amid_device_view)
{
	struct race race;

	STOP(&race, self->stop, "anon_object_view", false, view_device, self);
	unbind_amid(_metadata, self->stop, self->name, &race, -ENODEV);
	EXPECT_EQ(0, map_and_check(self->backing));
}

/* Who has come as far as the driver's mmap has his mapping. */
TEST_F(unbind, amid_mmap)
{
	struct race race;

	STOP(&race, self->stop, "drm_gem_mmap_obj", false, map_device, self);
	unbind_amid(_metadata, self->stop, self->name, &race, 0);
	EXPECT_EQ(-ENODEV, map_device(self));
}

/* A read that has begun is of the memory, which is still there. */
TEST_F(unbind, amid_read)
{
	struct race race;

	STOP(&race, self->stop, "anon_object_read_iter", false, read_device,
	     self);
	unbind_amid(_metadata, self->stop, self->name, &race, 0);
	EXPECT_EQ(0, read_device(self));
}

/* --- a module that goes --------------------------------------------------- */

FIXTURE(unload)
{
	int stop;
	char node[64];		/* the device's */
};

FIXTURE_VARIANT(unload)
{
	struct drm_kind kind;
	__u32 view;
};

FIXTURE_VARIANT_ADD(unload, backing)
{
	.kind = { .driver = VGEM, .cached = true },
	.view = BACKING,
};

FIXTURE_VARIANT_ADD(unload, device)
{
	.kind = { .driver = VGEM },
	.view = DEVICE,
};

FIXTURE_SETUP(unload)
{
	int dev;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": this is a stock kernel");
	self->stop = race_device();
	ASSERT_LE(0, self->stop);
	dev = drm_open(VGEM);
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, drm_set_kind(&variant->kind));
	ASSERT_EQ(0, drm_path(dev, self->node, sizeof(self->node)));
	close(dev);
}

FIXTURE_TEARDOWN(unload)
{
	int dev = drm_open(VGEM);

	EXPECT_LE(0, dev);
	close(dev);
	drm_reset_kind(&variant->kind);
	close(self->stop);
}

static int unload(void *arg)
{
	return syscall(SYS_delete_module, VGEM, O_NONBLOCK) ? -errno : 0;
}

/* A view that is all there is of its object, and is closed */
static int view_and_close(void *view)
{
	int dev = drm_open(VGEM), fd;
	struct drm_buf buf;
	char *mem;

	if (dev < 0 || drm_dumb(dev, SIZE, &buf))
		return -ENODEV;
	fd = drm_view(&buf, *(__u32 *)view, DRM_GEM_VIEW_RDWR);
	if (fd < 0)
		return fd;
	close(dev);
	mem = map(fd);
	if (mem == MAP_FAILED)
		return -errno;
	pattern_fill(mem, SIZE, 1);
	munmap(mem, SIZE);
	return close(fd) ? -errno : 0;
}

/* The module stays until the last view has done with all that is in it. */
TEST_F(unload, amid_last_close)
{
	__u32 view = variant->view;
	struct race race;

	STOP(&race, self->stop, "drm_gem_object_free", false, view_and_close,
	     &view);
	EXPECT_EQ(-EWOULDBLOCK, unload(NULL));
	race_go(self->stop);
	EXPECT_EQ(0, race_finish(&race));
	EXPECT_EQ(0, unload(NULL));
}

/* And so it does for who is just making one. */
TEST_F(unload, amid_view)
{
	__u32 view = variant->view;
	struct race race;

	STOP(&race, self->stop, "anon_object_view", false, view_and_close,
	     &view);
	EXPECT_EQ(-EWOULDBLOCK, unload(NULL));
	race_go(self->stop);
	EXPECT_EQ(0, race_finish(&race));
	EXPECT_EQ(0, unload(NULL));
}

/* Nobody comes in when it goes. */
TEST_F(unload, opened_amid_exit)
{
	struct race race;

	STOP(&race, self->stop, "drm_dev_unregister", false, unload, NULL);
	EXPECT_EQ(ENODEV, ERRNO_OF(open(self->node, O_RDWR)));
	race_go(self->stop);
	EXPECT_EQ(0, race_finish(&race));
}

TEST_HARNESS_MAIN
