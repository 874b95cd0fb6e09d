// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers where memory is short: each call with the first of its allocations
 * failing, then the second, and so on.  But for views, all of it is so on a
 * stock kernel too.
 */
#include "harness.h"

#include <sys/ioctl.h>

#include "drm_guest.h"
#include "fail.h"

#define SIZE	(64 * PAGE)

FIXTURE(buffer)
{
	struct drm_buf buf;
	__u32 view;
	int dev;
	int other;
	int fd;
	__u32 handle;
	char *mem;
	char *copy;
};

FIXTURE_VARIANT(buffer)
{
	struct drm_kind kind;
	__u32 view;
};

FIXTURE_VARIANT_ADD(buffer, vgem)
{
	.kind = { .driver = VGEM },
	.view = DRM_GEM_VIEW_DEVICE,
};

FIXTURE_VARIANT_ADD(buffer, vgem_cached)
{
	.kind = { .driver = VGEM, .cached = true },
	.view = DRM_GEM_VIEW_BACKING,
};

FIXTURE_VARIANT_ADD(buffer, vkms)
{
	.kind = { .driver = VKMS },
	.view = DRM_GEM_VIEW_DEVICE,
};

FIXTURE_VARIANT_ADD(buffer, virtio_gpu)
{
	.kind = { .driver = VIRTIO_GPU },
	.view = DRM_GEM_VIEW_BACKING,
};

FIXTURE_SETUP(buffer)
{
	self->dev = -1;
	self->other = -1;
	if (!fail_init())
		SKIP(return, "no allocations can fail in this kernel");
	self->dev = drm_open(variant->kind.driver);
	ASSERT_LE(0, self->dev);
	if (drm_set_kind(&variant->kind))
		SKIP(return, "vgem has no such parameter in a stock kernel");
	/* One that imports from it */
	self->other = drm_open(strcmp(variant->kind.driver, VGEM) ? VGEM :
								    VKMS);
	ASSERT_LE(0, self->other);
	self->view = variant->view;
	self->copy = malloc(SIZE);
	ASSERT_NE(NULL, self->copy);
	pattern_fill(self->copy, SIZE, 1);
}

FIXTURE_TEARDOWN(buffer)
{
	free(self->copy);
	if (self->other >= 0)
		close(self->other);
	if (self->dev >= 0)
		close(self->dev);
	drm_reset_kind(&variant->kind);
}

static const int nomem[] = { ENOMEM, 0 };
static const int nofile[] = { ENOMEM, ENFILE, EMFILE, 0 };
/* As shmem says it where there is no memory for an inode */
static const int noinode[] = { ENOMEM, ENOSPC, 0 };

#define SELF	FIXTURE_DATA(buffer) *self = arg

static int make(void *arg)
{
	SELF;

	return drm_dumb(self->dev, SIZE, &self->buf);
}

static void drop(void *arg)
{
	SELF;

	drm_free(&self->buf);
}

TEST_F(buffer, dumb_create)
{
	const struct fail_call call = {
		.call = make,
		.undo = drop,
		.errors = noinode,
	};

	EXPECT_FAILS_WELL(&call, self, 5);
}

static int map(void *arg)
{
	SELF;

	self->mem = drm_map(&self->buf, SIZE, PROT_READ | PROT_WRITE);
	return self->mem == MAP_FAILED ? -errno : 0;
}

static void unmap(void *arg)
{
	SELF;

	munmap(self->mem, SIZE);
}

TEST_F(buffer, mmap)
{
	const struct fail_call call = {
		.prepare = make,
		.call = map,
		.undo = unmap,
		.finish = drop,
		.errors = nomem,
	};

	EXPECT_FAILS_WELL(&call, self, 2);
}

static int make_mapped(void *arg)
{
	int err = make(arg);

	return err ? err : map(arg);
}

static void unmap_and_drop(void *arg)
{
	unmap(arg);
	drop(arg);
}

/* Page tables may be missing, and a fault is tried again. */
static int touch(void *arg)
{
	SELF;

	pattern_fill(self->mem, SIZE, 1);
	return pattern_check(self->mem, SIZE, 1) ? -EIO : 0;
}

TEST_F(buffer, first_fault)
{
	const struct fail_call call = {
		.prepare = make_mapped,
		.call = touch,
		.finish = unmap_and_drop,
		.errors = nomem,
	};

	EXPECT_FAILS_WELL(&call, self, 0);
}

static int export(void *arg)
{
	SELF;

	self->fd = drm_export(&self->buf);
	return self->fd < 0 ? self->fd : 0;
}

static void close_fd(void *arg)
{
	SELF;

	close(self->fd);
}

TEST_F(buffer, export)
{
	const struct fail_call call = {
		.prepare = make,
		.call = export,
		.undo = close_fd,
		.finish = drop,
		.errors = nofile,
	};

	EXPECT_FAILS_WELL(&call, self, 3);
}

static int make_exported(void *arg)
{
	int err = make(arg);

	return err ? err : export(arg);
}

static void close_and_drop(void *arg)
{
	close_fd(arg);
	drop(arg);
}

/* The importer's handle, and what the exporter pins for it. */
static int import(void *arg)
{
	SELF;

	return drm_import(self->other, self->fd, &self->handle);
}

static void drop_import(void *arg)
{
	SELF;

	drm_close_handle(self->other, self->handle);
}

TEST_F(buffer, import)
{
	const struct fail_call call = {
		.prepare = make_exported,
		.call = import,
		.undo = drop_import,
		.finish = close_and_drop,
		.errors = nomem,
	};

	EXPECT_FAILS_WELL(&call, self, 3);
}

static int view(void *arg)
{
	SELF;

	self->fd = drm_view(&self->buf, self->view,
			    DRM_GEM_VIEW_RDWR | DRM_GEM_VIEW_CLOEXEC);
	return self->fd < 0 ? self->fd : 0;
}

TEST_F(buffer, view)
{
	const struct fail_call call = {
		.prepare = make,
		.call = view,
		.undo = close_fd,
		.finish = drop,
		.errors = nofile,
	};

	if (!drm_has_views(self->dev))
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	EXPECT_FAILS_WELL(&call, self, 2);
}

static int make_viewed(void *arg)
{
	int err = make(arg);

	return err ? err : view(arg);
}

/* A write that ends early says so, and what it has written is there. */
static int write_and_read(void *arg)
{
	static char back[1 << 20];
	ssize_t written, read;
	SELF;

	written = pwrite(self->fd, self->copy, SIZE, 0);
	if (written < 0)
		return -errno;
	read = pread(self->fd, back, written, 0);
	if (read < 0)
		return -errno;
	return memcmp(back, self->copy, read) ? -EIO : 0;
}

TEST_F(buffer, view_write)
{
	const struct fail_call call = {
		.prepare = make_viewed,
		.call = write_and_read,
		.finish = close_and_drop,
		.errors = nomem,
	};

	if (!drm_has_views(self->dev))
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	EXPECT_FAILS_WELL(&call, self, 1);
}

static int map_view(void *arg)
{
	int err;
	SELF;

	self->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, 0);
	if (self->mem == MAP_FAILED)
		return -errno;
	err = touch(arg);
	unmap(arg);
	return err;
}

TEST_F(buffer, view_mmap)
{
	const struct fail_call call = {
		.prepare = make_viewed,
		.call = map_view,
		.finish = close_and_drop,
		.errors = nomem,
	};

	if (!drm_has_views(self->dev))
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	EXPECT_FAILS_WELL(&call, self, 3);
}

/* The last one goes with the handle, however short memory is. */
static int close_handle(void *arg)
{
	SELF;

	return drm_free(&self->buf);
}

TEST_F(buffer, close)
{
	const struct fail_call call = {
		.prepare = make,
		.call = close_handle,
		.finish = drop,
		.errors = nomem,
	};

	EXPECT_FAILS_WELL(&call, self, 0);
}

TEST_HARNESS_MAIN
