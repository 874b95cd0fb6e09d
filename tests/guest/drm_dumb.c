// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers of the drivers that are on the shmem helper: made, mapped through
 * the driver, used, given back. All of this but one case is so on a stock
 * kernel too.
 */
#include "harness.h"

#include <sys/ioctl.h>
#include <drm/virtgpu_drm.h>

#include "drm_guest.h"

#define SIZE		(64 * PAGE)
#define PMD		(2 * MIB)
#define ROUNDS		10000

FIXTURE(dumb)
{
	struct drm_buf buf;
	int dev;
	int objects;
	long shmem;
};

FIXTURE_VARIANT(dumb)
{
	struct drm_kind kind;
};

FIXTURE_VARIANT_ADD(dumb, vgem)
{
	.kind = { .driver = VGEM },
};

FIXTURE_VARIANT_ADD(dumb, vgem_cached)
{
	.kind = { .driver = VGEM, .cached = true },
};

FIXTURE_VARIANT_ADD(dumb, vkms)
{
	.kind = { .driver = VKMS },
};

FIXTURE_VARIANT_ADD(dumb, virtio_gpu)
{
	.kind = { .driver = VIRTIO_GPU },
};

FIXTURE_SETUP(dumb)
{
	kernel_is_ported();
	self->dev = drm_open(variant->kind.driver);
	ASSERT_LE(0, self->dev);
	self->objects = drm_objects();
	self->shmem = meminfo("Shmem");
	if (drm_set_kind(&variant->kind))
		SKIP(return, "vgem has no such parameter in a stock kernel");
	ASSERT_EQ(0, drm_dumb(self->dev, SIZE, &self->buf));
	ASSERT_EQ(SIZE, self->buf.size);
}

FIXTURE_TEARDOWN(dumb)
{
	if (self->dev >= 0)
		close(self->dev);
	drm_reset_kind(&variant->kind);
	/* virtio-gpu frees when the device says so */
	EXPECT_TRUE(drm_objects_settle(self->objects));
	EXPECT_TRUE(drm_meminfo_falls("Shmem", self->shmem + DRM_SLACK));
}

static void *map(struct drm_buf *buf)
{
	return drm_map(buf, buf->size, PROT_READ | PROT_WRITE);
}

/* Each page begins with its number. */
static void number_pages(void *mem, size_t size)
{
	size_t i;

	for (i = 0; i < size / PAGE; i++)
		*(__u64 *)(mem + i * PAGE) = i;
}

/* How many of the pages that are mapped at mem do not have theirs. */
static int wrong_pages(void *mem, size_t size, __u64 first)
{
	int wrong = 0;
	size_t i;

	for (i = 0; i < size / PAGE; i++)
		wrong += *(__u64 *)(mem + i * PAGE) != first + i;
	return wrong;
}

TEST_F(dumb, new_is_zero_and_what_is_written_stays)
{
	char *mem = map(&self->buf);
	size_t i, dirty = 0;

	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < SIZE; i++)
		dirty += mem[i] != 0;
	EXPECT_EQ(0, dirty);
	pattern_fill(mem, SIZE, 1);
	ASSERT_EQ(0, munmap(mem, SIZE));

	mem = map(&self->buf);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, pattern_check(mem, SIZE, 1));
	ASSERT_EQ(0, munmap(mem, SIZE));
}

TEST_F(dumb, mappings_share_the_memory)
{
	char *a = map(&self->buf), *b = map(&self->buf);
	char *ro = drm_map(&self->buf, SIZE, PROT_READ);

	ASSERT_NE(MAP_FAILED, a);
	ASSERT_NE(MAP_FAILED, b);
	ASSERT_NE(MAP_FAILED, ro);
	pattern_fill(a, SIZE, 2);
	EXPECT_EQ(0, pattern_check(b, SIZE, 2));
	EXPECT_EQ(0, pattern_check(ro, SIZE, 2));
	EXPECT_EQ(SIGSEGV, write_signal(ro));
	munmap(a, SIZE);
	munmap(b, SIZE);
	munmap(ro, SIZE);
}

TEST_F(dumb, lives_as_long_as_its_mapping)
{
	char *mem = map(&self->buf);

	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 3);
	ASSERT_EQ(0, drm_free(&self->buf));
	EXPECT_EQ(-EINVAL, drm_free(&self->buf));
	close(self->dev);
	self->dev = -1;
	EXPECT_EQ(0, pattern_check(mem, SIZE, 3));
	if (kernel_is_ported())
		EXPECT_EQ(self->objects + 1, drm_objects());
	ASSERT_EQ(0, munmap(mem, SIZE));
	EXPECT_TRUE(drm_objects_settle(self->objects));
}

TEST_F(dumb, mapping_beyond_the_end_is_refused)
{
	EXPECT_EQ(MAP_FAILED, drm_map(&self->buf, SIZE + PAGE, PROT_READ));
	EXPECT_EQ(EINVAL, errno);
	/* A copy on write would not be the device's memory */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE, self->dev,
				   drm_map_offset(&self->buf)));
	EXPECT_EQ(EINVAL, errno);
}

/* Products that have no room in what they are kept in */
TEST_F(dumb, sizes_that_wrap)
{
	static const struct {
		__u32 width, height, bpp;
	} sizes[] = {
		{ -1, -1, 32 }, { -1, 1, 32 }, { 1U << 30, 1, 32 },
		{ 1U << 16, 1U << 14, 32 }, { 1U << 30, 4, 8 }, { 1, -1, 32 },
		{ 1, 1, -1 }, { -1, -1, -1 }, { (1U << 30) + 1, 4, 8 },
		{ 4096, 1U << 20, 8 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct drm_mode_create_dumb create = {
			.width = sizes[i].width,
			.height = sizes[i].height,
			.bpp = sizes[i].bpp,
		};

		EXPECT_NE(0, ERRNO_OF(ioctl(self->dev,
					    DRM_IOCTL_MODE_CREATE_DUMB,
					    &create)))
			TH_LOG("%u * %u * %u: %llu bytes", sizes[i].width,
			       sizes[i].height, sizes[i].bpp, create.size);
	}
}

TEST_F(dumb, shared_with_a_child)
{
	char *mem = map(&self->buf);
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 4);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (pattern_check(mem, SIZE, 4))
			_exit(1);
		pattern_fill(mem, SIZE, 5);
		/* Split, and leave the rest to exit */
		_exit(munmap(mem + PAGE, PAGE) ? 2 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, pattern_check(mem, SIZE, 5));
	ASSERT_EQ(0, munmap(mem, SIZE));
}

TEST_F(dumb, moved_mapping)
{
	char *mem = map(&self->buf), *place;

	ASSERT_NE(MAP_FAILED, mem);
	number_pages(mem, SIZE);
	ASSERT_EQ(0, munmap(mem, SIZE));
	mem = map(&self->buf);
	ASSERT_NE(MAP_FAILED, mem);
	place = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, place);
	ASSERT_EQ(place, mremap(mem, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
				place));
	EXPECT_EQ(0, wrong_pages(place, SIZE, 0));
	/* It cannot grow */
	EXPECT_EQ(EFAULT, ERRNO_OF(mremap(place, SIZE, SIZE + PAGE,
					  MREMAP_MAYMOVE)));
	ASSERT_EQ(0, munmap(place, SIZE));
}

/*
 * Which page belongs to an address has to be found from where the object
 * begins, not from where the rest of a split mapping does. Stock takes the
 * latter, and gives other pages than are there.
 */
TEST_F(dumb, split_mapping_has_its_pages)
{
	const size_t cut = 16 * PAGE;
	char *mem = map(&self->buf);
	int wrong, wrong_middle;

	ASSERT_NE(MAP_FAILED, mem);
	number_pages(mem, SIZE);
	ASSERT_EQ(0, munmap(mem, SIZE));

	mem = map(&self->buf);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, munmap(mem, cut));
	wrong = wrong_pages(mem + cut, SIZE - cut, cut / PAGE);
	ASSERT_EQ(0, munmap(mem + cut, SIZE - cut));

	mem = map(&self->buf);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, mprotect(mem + cut, cut, PROT_READ));
	wrong_middle = wrong_pages(mem + cut, cut, cut / PAGE) +
		       wrong_pages(mem, cut, 0) +
		       wrong_pages(mem + 2 * cut, SIZE - 2 * cut,
				   2 * cut / PAGE);
	ASSERT_EQ(0, munmap(mem, SIZE));
	if (!kernel_is_ported() && wrong)
		SKIP(return, "stock gives %d wrong pages of %lu after a split",
		     wrong, (SIZE - cut) / PAGE);
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, wrong_middle);
}

/* The same with two huge pages, where there are any. */
TEST_F(dumb, split_mapping_has_its_huge_page)
{
	struct drm_buf buf;
	char *mem;
	int wrong;

	ASSERT_EQ(0, drm_dumb(self->dev, 2 * PMD, &buf));
	mem = map(&buf);
	ASSERT_NE(MAP_FAILED, mem);
	number_pages(mem, buf.size);
	ASSERT_EQ(0, munmap(mem, buf.size));

	mem = map(&buf);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, munmap(mem, PMD));
	wrong = wrong_pages(mem + PMD, PMD, PMD / PAGE);
	ASSERT_EQ(0, munmap(mem + PMD, PMD));
	ASSERT_EQ(0, drm_free(&buf));
	if (!kernel_is_ported() && wrong)
		SKIP(return, "stock gives %d wrong pages after a split", wrong);
	EXPECT_EQ(0, wrong);
}

/*
 * Nothing is left of ten thousand buffers: one in ten is used through a
 * mapping, one in a hundred exported. Where kmemleak looks for what is left,
 * the kernel is slow, and a thousand are enough.
 */
TEST_F(dumb, ten_thousand)
{
	bool slow = !access("/sys/kernel/debug/kmemleak", F_OK);
	int i, fd, rounds = slow ? ROUNDS / 10 : ROUNDS;
	int objects = drm_objects();
	long available = meminfo("MemAvailable");
	struct drm_buf buf;
	__u64 *mem;

	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, drm_dumb(self->dev, 4 * PAGE, &buf));
		if (i % 10 == 0) {
			mem = map(&buf);
			ASSERT_NE(MAP_FAILED, mem);
			ASSERT_EQ(0, mem[0]);
			mem[0] = i;
			mem[3 * PAGE / 8] = i;
			ASSERT_EQ(0, munmap(mem, buf.size));
		}
		if (i % 100 == 0) {
			fd = drm_export(&buf);
			ASSERT_LE(0, fd);
			close(fd);
		}
		ASSERT_EQ(0, drm_free(&buf));
	}
	EXPECT_TRUE(drm_objects_settle(objects))
		TH_LOG("%d objects, now %d", objects, drm_objects());
	EXPECT_TRUE(drm_meminfo_falls("Shmem", self->shmem + DRM_SLACK))
		TH_LOG("Shmem: %ld kB, now %ld", self->shmem, meminfo("Shmem"));
	/* They were 160 MB */
	if (!slow)
		EXPECT_TRUE(drm_meminfo_rises("MemAvailable",
					      available - 16 * 1024));
}

/* As many at once as fit, and then their file goes. */
TEST_F(dumb, freed_with_their_file)
{
	struct drm_buf buf;
	char *mem;
	int i;

	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, drm_dumb(self->dev, SIZE, &buf));
		mem = map(&buf);
		ASSERT_NE(MAP_FAILED, mem);
		mem[i * PAGE % SIZE] = 1;
		ASSERT_EQ(0, munmap(mem, SIZE));
	}
	if (kernel_is_ported())
		EXPECT_EQ(self->objects + 201, drm_objects());
	close(self->dev);
	self->dev = -1;
	EXPECT_TRUE(drm_objects_settle(self->objects));
	EXPECT_TRUE(drm_meminfo_falls("Shmem", self->shmem + DRM_SLACK))
		TH_LOG("Shmem: %ld kB, now %ld", self->shmem, meminfo("Shmem"));
}

/* Buffers that are the driver's own, on the render node. */
FIXTURE(virtgpu)
{
	int dev;
	int objects;
};

FIXTURE_SETUP(virtgpu)
{
	kernel_is_ported();
	self->dev = drm_open_render(VIRTIO_GPU);
	ASSERT_LE(0, self->dev);
	self->objects = drm_objects();
}

FIXTURE_TEARDOWN(virtgpu)
{
	if (self->dev >= 0)
		close(self->dev);
}

static void *virtgpu_map(int dev, __u32 handle, size_t size)
{
	struct drm_virtgpu_map args = { .handle = handle };

	if (ioctl(dev, DRM_IOCTL_VIRTGPU_MAP, &args))
		return MAP_FAILED;
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dev,
		    args.offset);
}

static int virtgpu_param(int dev, __u64 param)
{
	struct drm_virtgpu_getparam args = { .param = param };
	int value = 0;

	args.value = (unsigned long)&value;
	return ioctl(dev, DRM_IOCTL_VIRTGPU_GETPARAM, &args) ? -1 : value;
}

TEST_F(virtgpu, resource)
{
	struct drm_virtgpu_resource_create create = {
		.target = 2,	/* PIPE_TEXTURE_2D */
		.format = 1,	/* B8G8R8A8_UNORM */
		.width = 256,
		.height = SIZE / (256 * 4),
		.depth = 1,
		.array_size = 1,
		.size = SIZE,
		.stride = 256 * 4,
	};
	struct drm_virtgpu_resource_info info = {};
	struct drm_virtgpu_3d_transfer_to_host transfer = {};
	struct drm_virtgpu_3d_wait wait = {};
	char *mem;

	ASSERT_EQ(0, ioctl(self->dev, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE,
			   &create));
	info.bo_handle = create.bo_handle;
	ASSERT_EQ(0, ioctl(self->dev, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info));
	EXPECT_EQ(SIZE, info.size);
	EXPECT_EQ(create.res_handle, info.res_handle);

	mem = virtgpu_map(self->dev, create.bo_handle, SIZE);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 6);
	transfer.bo_handle = create.bo_handle;
	transfer.box.w = create.width;
	transfer.box.h = create.height;
	transfer.box.d = 1;
	EXPECT_EQ(0, ioctl(self->dev, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST,
			   &transfer));
	wait.handle = create.bo_handle;
	EXPECT_EQ(0, ioctl(self->dev, DRM_IOCTL_VIRTGPU_WAIT, &wait));
	EXPECT_EQ(0, pattern_check(mem, SIZE, 6));
	ASSERT_EQ(0, drm_close_handle(self->dev, create.bo_handle));
	EXPECT_EQ(0, pattern_check(mem, SIZE, 6));
	ASSERT_EQ(0, munmap(mem, SIZE));
	EXPECT_TRUE(drm_objects_settle(self->objects));
}

TEST_F(virtgpu, blob)
{
	struct drm_virtgpu_resource_create_blob blob = {
		.blob_mem = VIRTGPU_BLOB_MEM_GUEST,
		.blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
		.size = SIZE,
	};
	char *mem;

	if (virtgpu_param(self->dev, VIRTGPU_PARAM_RESOURCE_BLOB) != 1) {
		EXPECT_EQ(EINVAL,
			  ERRNO_OF(ioctl(self->dev,
					 DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB,
					 &blob)));
		SKIP(return, "this QEMU's device has no blobs");
	}
	ASSERT_EQ(0, ioctl(self->dev, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB,
			   &blob));
	mem = virtgpu_map(self->dev, blob.bo_handle, SIZE);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 7);
	ASSERT_EQ(0, drm_close_handle(self->dev, blob.bo_handle));
	EXPECT_EQ(0, pattern_check(mem, SIZE, 7));
	ASSERT_EQ(0, munmap(mem, SIZE));
	EXPECT_TRUE(drm_objects_settle(self->objects));
}

TEST_HARNESS_MAIN
