// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers that two drivers share by PRIME: the same bytes on either side, the
 * same object when it comes home, and nothing left of it at the end. All of
 * this is so on a stock kernel too.
 */
#include "harness.h"

#include <sys/ioctl.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>

#include "drm_guest.h"

#define SIZE	(64 * PAGE)
#define PITCH	4096	/* of dumb buffers and pictures, as drm_guest.c has it */
#define ROUNDS	300

FIXTURE(prime)
{
	struct drm_buf buf;
	int exporter;
	int importer;
	int dmabuf;
	int objects;
	long shmem;
	__u32 handle;
};

FIXTURE_VARIANT(prime)
{
	struct drm_kind from;
	const char *to;
};

FIXTURE_VARIANT_ADD(prime, vgem_to_vkms)
{
	.from = { .driver = VGEM },
	.to = VKMS,
};

FIXTURE_VARIANT_ADD(prime, vgem_cached_to_vkms)
{
	.from = { .driver = VGEM, .cached = true },
	.to = VKMS,
};

FIXTURE_VARIANT_ADD(prime, vgem_to_virtio_gpu)
{
	.from = { .driver = VGEM },
	.to = VIRTIO_GPU,
};

FIXTURE_VARIANT_ADD(prime, vkms_to_vgem)
{
	.from = { .driver = VKMS },
	.to = VGEM,
};

FIXTURE_VARIANT_ADD(prime, virtio_gpu_to_vkms)
{
	.from = { .driver = VIRTIO_GPU },
	.to = VKMS,
};

FIXTURE_VARIANT_ADD(prime, virtio_gpu_to_vgem)
{
	.from = { .driver = VIRTIO_GPU },
	.to = VGEM,
};

FIXTURE_SETUP(prime)
{
	int err;

	kernel_is_ported();
	self->dmabuf = -1;
	self->exporter = drm_open(variant->from.driver);
	self->importer = drm_open(variant->to);
	ASSERT_LE(0, self->exporter);
	ASSERT_LE(0, self->importer);
	self->objects = drm_objects();
	self->shmem = meminfo("Shmem");
	if (drm_set_kind(&variant->from))
		SKIP(return, "vgem has no such parameter in a stock kernel");
	ASSERT_EQ(0, drm_dumb(self->exporter, SIZE, &self->buf));
	self->dmabuf = drm_export(&self->buf);
	ASSERT_LE(0, self->dmabuf);
	err = drm_import(self->importer, self->dmabuf, &self->handle);
	if (err == -ENODEV && !strcmp(variant->to, VIRTIO_GPU))
		SKIP(return, "virtio-gpu imports only into blobs");
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(prime)
{
	if (self->dmabuf >= 0)
		close(self->dmabuf);
	if (self->importer >= 0)
		close(self->importer);
	if (self->exporter >= 0)
		close(self->exporter);
	drm_reset_kind(&variant->from);
	EXPECT_TRUE(drm_objects_settle(self->objects));
	EXPECT_TRUE(drm_meminfo_falls("Shmem", self->shmem + DRM_SLACK));
}

static void *map(int fd)
{
	return mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

TEST_F(prime, same_bytes_everywhere)
{
	struct drm_buf imported = {
		.dev = self->importer,
		.handle = self->handle,
		.size = SIZE,
	};
	char *native, *exported, *again;
	int fd;

	native = drm_map(&self->buf, SIZE, PROT_READ | PROT_WRITE);
	exported = map(self->dmabuf);
	ASSERT_NE(MAP_FAILED, native);
	ASSERT_NE(MAP_FAILED, exported);
	fd = drm_export(&imported);
	ASSERT_LE(0, fd);
	again = map(fd);
	ASSERT_NE(MAP_FAILED, again);

	pattern_fill(native, SIZE, 1);
	EXPECT_EQ(0, pattern_check(exported, SIZE, 1));
	EXPECT_EQ(0, pattern_check(again, SIZE, 1));
	pattern_fill(again, SIZE, 2);
	EXPECT_EQ(0, pattern_check(native, SIZE, 2));
	EXPECT_EQ(0, pattern_check(exported, SIZE, 2));
	munmap(native, SIZE);
	munmap(exported, SIZE);
	munmap(again, SIZE);
	close(fd);
}

TEST_F(prime, comes_home_as_itself)
{
	struct drm_buf imported = {
		.dev = self->importer,
		.handle = self->handle,
		.size = SIZE,
	};
	struct stat one, other;
	__u32 handle;
	int fd;

	/* Into the importer again */
	ASSERT_EQ(0, drm_import(self->importer, self->dmabuf, &handle));
	EXPECT_EQ(self->handle, handle);
	/* And by way of it into the exporter */
	fd = drm_export(&imported);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(self->dmabuf, &one));
	ASSERT_EQ(0, fstat(fd, &other));
	EXPECT_EQ(one.st_ino, other.st_ino);
	EXPECT_EQ(SIZE, lseek(fd, 0, SEEK_END));
	ASSERT_EQ(0, drm_import(self->exporter, fd, &handle));
	EXPECT_EQ(self->buf.handle, handle);
	close(fd);
	if (kernel_is_ported())
		EXPECT_EQ(self->objects + 1, drm_objects());
}

TEST_F(prime, importer_keeps_it)
{
	struct drm_buf imported = {
		.dev = self->importer,
		.handle = self->handle,
		.size = SIZE,
	};
	char *mem = drm_map(&self->buf, SIZE, PROT_READ | PROT_WRITE);
	int fd;

	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 3);
	ASSERT_EQ(0, munmap(mem, SIZE));
	ASSERT_EQ(0, drm_free(&self->buf));
	close(self->dmabuf);
	close(self->exporter);
	self->dmabuf = -1;
	self->exporter = -1;
	if (kernel_is_ported())
		EXPECT_EQ(self->objects + 1, drm_objects());

	fd = drm_export(&imported);
	ASSERT_LE(0, fd);
	mem = map(fd);
	ASSERT_NE(MAP_FAILED, mem);
	close(fd);
	ASSERT_EQ(0, drm_close_handle(self->importer, self->handle));
	EXPECT_EQ(0, pattern_check(mem, SIZE, 3));
	ASSERT_EQ(0, munmap(mem, SIZE));
	EXPECT_TRUE(drm_objects_settle(self->objects));
}

/* The importer maps it into the kernel to show it, where it has a screen. */
TEST_F(prime, framebuffer_of_it)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = 1024,
		.height = SIZE / PITCH,
		.pixel_format = DRM_FORMAT_XRGB8888,
		.handles = { self->handle },
		.pitches = { PITCH },
	};
	__u32 id;

	if (strcmp(variant->to, VKMS)) {
		EXPECT_NE(0, ioctl(self->importer, DRM_IOCTL_MODE_ADDFB2, &fb));
		return;
	}
	ASSERT_EQ(0, ioctl(self->importer, DRM_IOCTL_MODE_ADDFB2, &fb));
	/* What is shown outlives its handle */
	ASSERT_EQ(0, drm_close_handle(self->importer, self->handle));
	ASSERT_EQ(0, drm_free(&self->buf));
	close(self->dmabuf);
	self->dmabuf = -1;
	if (kernel_is_ported())
		EXPECT_EQ(self->objects + 1, drm_objects());
	id = fb.fb_id;
	ASSERT_EQ(0, ioctl(self->importer, DRM_IOCTL_MODE_RMFB, &id));
	EXPECT_TRUE(drm_objects_settle(self->objects));
}

/*
 * What vkms shows is read from the buffer, by way of the importer's mapping of
 * it, and has a checksum for each picture. The picture has as many pixels as
 * the buffers that are made here: 1024 to a line.
 */
#define LINES	768
#define PICTURE	(LINES * PITCH)

static bool find_mode(int dev, struct drm_mode_crtc *crtc, __u32 *connector)
{
	static struct drm_mode_modeinfo modes[64];
	__u32 crtcs[8], connectors[8], i;
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (unsigned long)crtcs,
		.count_crtcs = 8,
		.connector_id_ptr = (unsigned long)connectors,
		.count_connectors = 8,
	};
	struct drm_mode_get_connector conn = {
		.modes_ptr = (unsigned long)modes,
	};

	if (ioctl(dev, DRM_IOCTL_MODE_GETRESOURCES, &res) ||
	    !res.count_crtcs || !res.count_connectors)
		return false;
	conn.connector_id = connectors[0];
	/* Once to detect it and count, once to copy */
	if (ioctl(dev, DRM_IOCTL_MODE_GETCONNECTOR, &conn))
		return false;
	if (conn.count_modes > 64)
		conn.count_modes = 64;
	conn.count_props = 0;
	conn.count_encoders = 0;
	if (ioctl(dev, DRM_IOCTL_MODE_GETCONNECTOR, &conn))
		return false;
	for (i = 0; i < conn.count_modes; i++) {
		if (modes[i].hdisplay != PITCH / 4 || modes[i].vdisplay != LINES)
			continue;
		crtc->crtc_id = crtcs[0];
		crtc->mode = modes[i];
		*connector = connectors[0];
		return true;
	}
	return false;
}

/* The checksum of what is shown, 0 on failure: the third, to be sure. */
static unsigned long checksum(int dev)
{
	char path[64], file[96], line[64];
	unsigned long crc = 0, frame;
	int i, fd;

	if (drm_path(dev, path, sizeof(path)))
		return 0;
	snprintf(file, sizeof(file), "/sys/kernel/debug/dri/%s/crtc-0/crc/data",
		 path + strlen("/dev/dri/card"));
	fd = open(file, O_RDONLY);
	if (fd < 0)
		return 0;
	for (i = 0; i < 3; i++) {
		ssize_t n = read(fd, line, sizeof(line) - 1);

		if (n <= 0)
			break;
		line[n] = '\0';
		crc = 0;
		if (sscanf(line, "%lx %lx", &frame, &crc) != 2)
			break;
	}
	close(fd);
	return crc;
}

static int show(int dev, __u32 handle, __u32 *fb_id)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = PITCH / 4,
		.height = LINES,
		.pixel_format = DRM_FORMAT_XRGB8888,
		.handles = { handle },
		.pitches = { PITCH },
	};
	struct drm_mode_crtc crtc = { .mode_valid = 1, .count_connectors = 1 };
	__u32 connector;

	if (!find_mode(dev, &crtc, &connector))
		return -ENOENT;
	crtc.set_connectors_ptr = (unsigned long)&connector;
	if (ioctl(dev, DRM_IOCTL_MODE_ADDFB2, &fb))
		return -errno;
	*fb_id = fb.fb_id;
	crtc.fb_id = fb.fb_id;
	return ioctl(dev, DRM_IOCTL_MODE_SETCRTC, &crtc) ? -errno : 0;
}

/* A picture in a buffer of the importer's own, by a view if there are any. */
static bool paint(struct drm_buf *buf, __u64 seed)
{
	char *mem = drm_map(buf, PICTURE, PROT_READ | PROT_WRITE), *copy;
	bool done = true;
	int fd;

	if (mem == MAP_FAILED)
		return false;
	if (kernel_is_ported()) {
		copy = malloc(PICTURE);
		fd = drm_view(buf, DRM_GEM_VIEW_BACKING, DRM_GEM_VIEW_RDWR);
		pattern_fill(copy, PICTURE, seed);
		done = pwrite(fd, copy, PICTURE, 0) == PICTURE;
		close(fd);
		free(copy);
	} else {
		pattern_fill(mem, PICTURE, seed);
	}
	munmap(mem, PICTURE);
	return done;
}

TEST_F(prime, shown_by_the_importer)
{
	struct drm_buf foreign, native;
	unsigned long one, other;
	__u32 handle, fb[2];
	int dmabuf;
	char *mem;

	if (strcmp(variant->to, VKMS)) {
		EXPECT_EQ(-ENOENT, show(self->importer, self->handle, fb));
		return;
	}
	ASSERT_EQ(0, ioctl(self->importer, DRM_IOCTL_SET_MASTER, 0));
	ASSERT_EQ(0, drm_dumb(self->exporter, PICTURE, &foreign));
	ASSERT_EQ(0, drm_dumb(self->importer, PICTURE, &native));
	dmabuf = drm_export(&foreign);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, drm_import(self->importer, dmabuf, &handle));
	close(dmabuf);
	mem = drm_map(&foreign, PICTURE, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, PICTURE, 1);
	ASSERT_TRUE(paint(&native, 1));

	ASSERT_EQ(0, show(self->importer, handle, &fb[0]));
	one = checksum(self->importer);
	EXPECT_NE(0, one);
	ASSERT_EQ(0, show(self->importer, native.handle, &fb[1]));
	other = checksum(self->importer);
	EXPECT_EQ(one, other);

	/* It looks different when they differ in a line */
	memset(mem + 100 * PITCH, 0, PITCH);
	ASSERT_EQ(0, ioctl(self->importer, DRM_IOCTL_MODE_RMFB, &fb[0]));
	ASSERT_EQ(0, show(self->importer, handle, &fb[0]));
	other = checksum(self->importer);
	EXPECT_NE(0, other);
	EXPECT_NE(one, other);
	munmap(mem, PICTURE);
}

/* Nothing piles up: neither handles nor pins nor memory. */
TEST_F(prime, over_and_over)
{
	struct drm_buf buf;
	__u32 handle;
	__u64 *mem;
	int i, fd;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, drm_dumb(self->exporter, SIZE, &buf));
		fd = drm_export(&buf);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, drm_import(self->importer, fd, &handle));
		if (i % 10 == 0) {
			mem = map(fd);
			ASSERT_NE(MAP_FAILED, mem);
			ASSERT_EQ(0, mem[SIZE / 8 - 1]);
			mem[SIZE / 8 - 1] = i;
			ASSERT_EQ(0, munmap(mem, SIZE));
		}
		close(fd);
		ASSERT_EQ(0, drm_free(&buf));
		ASSERT_EQ(0, drm_close_handle(self->importer, handle));
	}
	EXPECT_TRUE(drm_meminfo_falls("Shmem", self->shmem + DRM_SLACK));
}

TEST_HARNESS_MAIN
