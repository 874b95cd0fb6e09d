// SPDX-License-Identifier: GPL-2.0
/*
 * Files that outlive their device: the module stays for them, and a device
 * that is taken away leaves them their memory.
 */
#include "harness.h"

#include <sys/ioctl.h>

#include "drm_guest.h"

#define SIZE	(64 * PAGE)
#define RW	(PROT_READ | PROT_WRITE)

#define BACKING	DRM_GEM_VIEW_BACKING
#define DEVICE	DRM_GEM_VIEW_DEVICE

static void *map(int fd)
{
	return mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
}

FIXTURE(module)
{
	struct drm_buf buf;
	int dev;
};

FIXTURE_VARIANT(module)
{
	struct drm_kind kind;
	__u32 view;
};

FIXTURE_VARIANT_ADD(module, backing)
{
	.kind = { .driver = VGEM, .cached = true },
	.view = BACKING,
};

FIXTURE_VARIANT_ADD(module, device)
{
	.kind = { .driver = VGEM },
	.view = DEVICE,
};

FIXTURE_SETUP(module)
{
	self->dev = -1;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	self->dev = drm_open(VGEM);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, drm_set_kind(&variant->kind));
	ASSERT_EQ(0, drm_dumb(self->dev, SIZE, &self->buf));
}

FIXTURE_TEARDOWN(module)
{
	int dev = drm_open(VGEM);

	EXPECT_LE(0, dev);
	close(dev);
	drm_reset_kind(&variant->kind);
}

static int unload(void)
{
	return syscall(SYS_delete_module, VGEM, O_NONBLOCK) ? -errno : 0;
}

TEST_F(module, stays_for_a_view)
{
	int fd = drm_view(&self->buf, variant->view, DRM_GEM_VIEW_RDWR);
	char *mem;

	ASSERT_LE(0, fd);
	close(self->dev);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	mem = map(fd);
	ASSERT_NE(MAP_FAILED, mem);
	close(fd);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	pattern_fill(mem, SIZE, 1);
	EXPECT_EQ(0, pattern_check(mem, SIZE, 1));
	munmap(mem, SIZE);
	EXPECT_EQ(0, unload());
	EXPECT_NE(0, access("/sys/module/vgem", F_OK));
}

TEST(taken_away)
{
	char name[256], *backing, *device, *driver, buf[16];
	int dev, backing_fd, device_fd, objects;
	struct drm_buf b;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	dev = drm_open(VIRTIO_GPU);
	ASSERT_LE(0, dev);
	ASSERT_TRUE(drm_virtio_name(name, sizeof(name)));
	objects = drm_objects();
	ASSERT_EQ(0, drm_dumb(dev, SIZE, &b));
	backing_fd = drm_view(&b, BACKING, DRM_GEM_VIEW_RDWR);
	device_fd = drm_view(&b, DEVICE, DRM_GEM_VIEW_RDWR);
	ASSERT_LE(0, backing_fd);
	ASSERT_LE(0, device_fd);
	backing = map(backing_fd);
	device = map(device_fd);
	driver = drm_map(&b, SIZE, RW);
	ASSERT_NE(MAP_FAILED, backing);
	ASSERT_NE(MAP_FAILED, device);
	ASSERT_NE(MAP_FAILED, driver);
	pattern_fill(driver, SIZE, 1);
	EXPECT_EQ(0, pattern_check(backing, SIZE, 1));

	ASSERT_EQ(0, write_file(VIRTIO_GPU_DRIVER "/unbind", "%s", name));
	EXPECT_EQ(-ENODEV, drm_view(&b, BACKING, 0));
	EXPECT_EQ(-ENODEV, drm_view(&b, DEVICE, 0));
	EXPECT_EQ(0, pattern_check(backing, SIZE, 1));
	EXPECT_EQ(0, pattern_check(device, SIZE, 1));
	EXPECT_EQ(0, pattern_check(driver, SIZE, 1));
	EXPECT_EQ(16, pread(backing_fd, buf, 16, 0));
	EXPECT_EQ(0, memcmp(buf, backing, 16));
	EXPECT_EQ(16, pwrite(backing_fd, "sixteen bytes..", 16, PAGE));
	EXPECT_EQ(0, strcmp(backing + PAGE, "sixteen bytes.."));
	EXPECT_EQ(16, pread(device_fd, buf, 16, PAGE));
	EXPECT_EQ(0, strcmp(buf, "sixteen bytes.."));
	EXPECT_EQ(MAP_FAILED, map(device_fd));
	EXPECT_EQ(ENODEV, errno);
	munmap(device, SIZE);
	munmap(driver, SIZE);
	close(dev);
	close(device_fd);
	pattern_fill(backing, SIZE, 2);
	close(backing_fd);
	EXPECT_EQ(0, pattern_check(backing, SIZE, 2));
	munmap(backing, SIZE);

	ASSERT_EQ(0, write_file(VIRTIO_GPU_DRIVER "/bind", "%s", name));
	dev = drm_open(VIRTIO_GPU);
	ASSERT_LE(0, dev);
	EXPECT_TRUE(drm_objects_settle(objects));
	close(dev);
}

TEST_HARNESS_MAIN
