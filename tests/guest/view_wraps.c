// SPDX-License-Identifier: GPL-2.0
/*
 * Sizes, offsets, counts and page shifts that are as large as they can be, or
 * that wrap when they are added up: each is an error, or is taken for what it
 * is, and nothing else changes.
 */
#include "harness.h"

#include <limits.h>
#include <linux/falloc.h>
#include <linux/iommufd.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>

#include "anon_object_device.h"

#define DEVICE	"/dev/anon_object_test"
#define RW	(PROT_READ | PROT_WRITE)

/* Values of enum anon_object_backend, enum anon_object_huge and ANON_OBJECT_* */
#define OBJ_SHMEM	0
#define OBJ_HUGETLB	1
#define NEVER		1
#define NORESERVE	(1 << 0)
#define RESIZABLE	(1 << 2)

#define IS_64BIT	(sizeof(long) == 8)
/* What the kernel calls MAX_LFS_FILESIZE */
#define MAX_SIZE	(IS_64BIT ? (__s64)INT64_MAX : (__s64)ULONG_MAX * PAGE)
/* The last multiple of a page that is an offset */
#define LAST_PAGE	(INT64_MAX & ~((__s64)PAGE - 1))

static int create(int dev, __u64 size, __u32 backend, __u32 flags)
{
	struct anon_test_create create = {
		.size = size,
		.backend = backend,
		.huge = backend == OBJ_SHMEM ? NEVER : 0,
		.flags = flags,
	};

	return ioctl(dev, ANON_TEST_CREATE, &create);
}

static int view(int dev)
{
	struct anon_test_view v = { .flags = O_RDWR };

	return ioctl(dev, ANON_TEST_VIEW, &v);
}

static int device_open(void)
{
	if (access(DEVICE, F_OK) && system("modprobe anon_object_device"))
		return -1;
	return open(DEVICE, O_RDWR);
}

static int range(int dev, unsigned long cmd, __u64 pos, __u64 len)
{
	struct anon_test_range range = { .pos = pos, .len = len };

	return ioctl(dev, cmd, &range);
}

static struct anon_test_stat stat_of(int dev)
{
	struct anon_test_stat stat = {};

	ioctl(dev, ANON_TEST_STAT, &stat);
	return stat;
}

FIXTURE(wraps)
{
	int dev;
	int fd;
	size_t page;
	size_t size;
	char *mem;
	long pool;
};

FIXTURE_VARIANT(wraps)
{
	bool object;
	bool huge;
};

FIXTURE_VARIANT_ADD(wraps, memfd)
{
	.object = false,
};

FIXTURE_VARIANT_ADD(wraps, memfd_hugetlb)
{
	.huge = true,
};

FIXTURE_VARIANT_ADD(wraps, shmem)
{
	.object = true,
};

FIXTURE_VARIANT_ADD(wraps, hugetlb)
{
	.object = true,
	.huge = true,
};

FIXTURE_SETUP(wraps)
{
	self->pool = -1;
	self->fd = -1;
	self->dev = -1;
	if (variant->object && !kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	self->page = PAGE;
	if (variant->huge) {
		self->page = huge_page_size();
		ASSERT_NE(0, self->page);
		self->pool = huge_pool_get(4);
		ASSERT_LE(0, self->pool);
	}
	self->size = 4 * self->page;
	if (variant->object) {
		self->dev = device_open();
		ASSERT_EQ(0, create(self->dev, self->size, variant->huge ?
				    OBJ_HUGETLB : OBJ_SHMEM, 0));
		self->fd = view(self->dev);
	} else {
		self->fd = memfd_create("wraps", MFD_ALLOW_SEALING |
					(variant->huge ? MFD_HUGETLB : 0));
		ASSERT_EQ(0, ftruncate(self->fd, self->size));
		ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK |
				   F_SEAL_GROW));
	}
	ASSERT_LE(0, self->fd);
	self->mem = mmap(NULL, self->size, RW, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	pattern_fill(self->mem, self->size, 1);
}

FIXTURE_TEARDOWN(wraps)
{
	struct stat st;

	if (self->fd >= 0) {
		EXPECT_EQ(0, fstat(self->fd, &st));
		EXPECT_EQ(self->size, st.st_size);
		close(self->fd);
	}
	if (self->dev >= 0)
		close(self->dev);
	huge_pool_put(self->pool);
}

static int punch(int fd, off_t at, off_t len)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
			 len);
}

TEST_F(wraps, reads_and_writes)
{
	bool writable = variant->object || !variant->huge;
	off_t at[] = { INT64_MAX, LAST_PAGE, INT64_MAX - 15, MAX_SIZE };
	volatile size_t all = SIZE_MAX;
	char buf[16] = "";
	unsigned int i;

	EXPECT_EQ(EINVAL, ERRNO_OF(pread(self->fd, buf, 16, -1)));
	EXPECT_EQ(EINVAL, ERRNO_OF(pread(self->fd, buf, 16, INT64_MIN)));
	EXPECT_EQ(EINVAL, ERRNO_OF(pwrite(self->fd, buf, 16, INT64_MIN)));
	EXPECT_EQ(EFAULT, ERRNO_OF(pread(self->fd, buf, all, 0)));
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		EXPECT_GE(0, pread(self->fd, buf, 16, at[i]));
		if (writable)
			EXPECT_EQ(-1, pwrite(self->fd, buf, 16, at[i]));
	}
	EXPECT_EQ(3, pread(self->fd, buf, 16, self->size - 3));
	if (variant->object)
		EXPECT_EQ(3, pwrite(self->fd, buf, 16, self->size - 3));
	EXPECT_EQ(0, pattern_check(self->mem, self->size, 1));
}

TEST_F(wraps, positions)
{
	char c;

	EXPECT_EQ(EINVAL, ERRNO_OF(lseek(self->fd, INT64_MIN, SEEK_SET)));
	EXPECT_EQ(MAX_SIZE, lseek(self->fd, MAX_SIZE, SEEK_SET));
	EXPECT_GE(0, read(self->fd, &c, 1));
	EXPECT_NE(0, ERRNO_OF(write(self->fd, "x", 1)));
	EXPECT_NE(0, ERRNO_OF(lseek(self->fd, INT64_MAX, SEEK_CUR)));
	EXPECT_NE(0, ERRNO_OF(lseek(self->fd, 1, SEEK_CUR)));
	EXPECT_NE(0, ERRNO_OF(lseek(self->fd, INT64_MAX, SEEK_END)));
	EXPECT_NE(0, ERRNO_OF(lseek(self->fd, INT64_MIN, SEEK_END)));
	EXPECT_NE(0, ERRNO_OF(lseek(self->fd, INT64_MIN, SEEK_CUR)));
	/* hugetlbfs knows of neither, the rest of no data there */
	EXPECT_NE(0, ERRNO_OF(lseek(self->fd, INT64_MAX, SEEK_DATA)));
	EXPECT_NE(0, ERRNO_OF(lseek(self->fd, INT64_MAX, SEEK_HOLE)));
	EXPECT_NE(0, ERRNO_OF(lseek(self->fd, -1, SEEK_DATA)));
	EXPECT_EQ(MAX_SIZE, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(0, pattern_check(self->mem, self->size, 1));
}

TEST_F(wraps, mappings)
{
	const off_t at[] = {
		self->size, LAST_PAGE, -(off_t)self->page, INT64_MIN,
		(off_t)1 << 44, ((off_t)1 << 44) - self->page,
		((off_t)1 << 32) - self->page, MAX_SIZE & -(off_t)self->page,
	};
	const size_t len[] = {
		self->page, self->size, SIZE_MAX, SIZE_MAX / 2,
		-self->page, -self->size, -2 * self->size,
	};
	unsigned int i, j;
	char *mem;

	/* What a memfd maps beyond its end can only be touched in vain */
	for (i = variant->object ? 0 : ARRAY_SIZE(at); i < ARRAY_SIZE(at); i++)
		for (j = 0; j < ARRAY_SIZE(len); j++) {
			mem = mmap(NULL, len[j], RW, MAP_SHARED, self->fd,
				   at[i]);
			EXPECT_EQ(MAP_FAILED, mem)
				TH_LOG("%#zx at %#llx", len[j],
				       (long long)at[i]);
		}
	for (j = 2; j < ARRAY_SIZE(len); j++) {
		EXPECT_EQ(MAP_FAILED, mmap(NULL, len[j], RW, MAP_SHARED,
					   self->fd, 0));
		EXPECT_EQ(MAP_FAILED, mremap(self->mem, self->size, len[j],
					     MREMAP_MAYMOVE));
	}
	EXPECT_EQ(EINVAL, ERRNO_OF(madvise(self->mem, SIZE_MAX, MADV_REMOVE)));
	EXPECT_EQ(EINVAL, ERRNO_OF(madvise(self->mem, -self->page,
					   MADV_REMOVE)));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 0, RW, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(0, pattern_check(self->mem, self->size, 1));
}

TEST_F(wraps, allocations)
{
	size_t page = self->page, size = self->size;

	EXPECT_EQ(EINVAL, ERRNO_OF(fallocate(self->fd, 0, INT64_MIN, 1)));
	EXPECT_EQ(EINVAL, ERRNO_OF(fallocate(self->fd, 0, 0, INT64_MIN)));
	EXPECT_EQ(EINVAL, ERRNO_OF(fallocate(self->fd, 0, -1, INT64_MAX)));
	EXPECT_EQ(EFBIG, ERRNO_OF(fallocate(self->fd, 0, INT64_MAX, 1)));
	EXPECT_EQ(EFBIG, ERRNO_OF(fallocate(self->fd, 0, 1, INT64_MAX)));
	EXPECT_NE(0, ERRNO_OF(fallocate(self->fd, 0, 0, MAX_SIZE)));
	EXPECT_NE(0, ERRNO_OF(fallocate(self->fd, 0, size, MAX_SIZE - size)));
	EXPECT_EQ(EFBIG, ERRNO_OF(punch(self->fd, INT64_MAX, 1)));
	EXPECT_EQ(EFBIG, ERRNO_OF(punch(self->fd, 2, INT64_MAX - 1)));
	EXPECT_EQ(EINVAL, ERRNO_OF(punch(self->fd, INT64_MIN, INT64_MAX)));
	/* Far behind all there is */
	EXPECT_EQ(0, punch(self->fd, MAX_SIZE - 1, 1));
	EXPECT_EQ(0, punch(self->fd, MAX_SIZE - PAGE - 1, PAGE));
	EXPECT_EQ(0, punch(self->fd, MAX_SIZE - page - 1, page));
	EXPECT_EQ(0, punch(self->fd, size, MAX_SIZE - size));
	EXPECT_EQ(EINVAL, ERRNO_OF(ftruncate(self->fd, INT64_MIN)));
	EXPECT_NE(0, ERRNO_OF(ftruncate(self->fd, INT64_MAX)));
	EXPECT_NE(0, ERRNO_OF(ftruncate(self->fd, MAX_SIZE)));
	EXPECT_EQ(0, pattern_check(self->mem, size, 1));

	/* What is said of more than there is, is done to what there is */
	EXPECT_EQ(0, punch(self->fd, 3 * page, MAX_SIZE - 3 * page));
	EXPECT_EQ(0, pattern_check(self->mem, 3 * page, 1));
	EXPECT_EQ(0, self->mem[3 * page]);
	EXPECT_EQ(0, self->mem[size - 1]);
	EXPECT_EQ(0, punch(self->fd, 0, MAX_SIZE));
	EXPECT_EQ(0, self->mem[page]);
}

TEST_F(wraps, advice)
{
	static const int advice[] = { POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,
				      POSIX_FADV_NORMAL };
	const off_t at[] = { 0, 1, self->page, self->size, LAST_PAGE, INT64_MAX,
			     INT64_MAX - 1, MAX_SIZE };
	unsigned int i, j, k;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(advice); i++) {
		for (j = 0; j < ARRAY_SIZE(at); j++) {
			for (k = 0; k < ARRAY_SIZE(at); k++)
				err |= posix_fadvise(self->fd, at[j], at[k],
						     advice[i]);
		}
	}
	EXPECT_EQ(0, err);
	EXPECT_EQ(EINVAL, posix_fadvise(self->fd, 0, INT64_MIN,
					POSIX_FADV_DONTNEED));
	EXPECT_EQ(0, pattern_check(self->mem, self->size, 1));
	if (!variant->object || variant->huge)
		return;
	EXPECT_EQ(EINVAL, posix_fadvise(self->fd, -1, 0, POSIX_FADV_DONTNEED));
	/* It is done to what there is */
	EXPECT_EQ(0, posix_fadvise(self->fd, 1, INT64_MAX,
				   POSIX_FADV_DONTNEED));
	EXPECT_EQ(self->size - self->page, stat_of(self->dev).swapped);
	EXPECT_EQ(0, posix_fadvise(self->fd, self->size - 1, INT64_MAX,
				   POSIX_FADV_WILLNEED));
	EXPECT_EQ(self->size - 2 * self->page, stat_of(self->dev).swapped);
	EXPECT_EQ(0, pattern_check(self->mem, self->size, 1));
}

TEST_F(wraps, copies)
{
	int other = memfd_create("other", 0), fd[2];
	off_t at[] = { INT64_MAX, LAST_PAGE, MAX_SIZE, INT64_MIN, -1 };
	unsigned int i;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, ftruncate(other, 2 * PAGE));
	ASSERT_EQ(0, pipe(fd));
	ASSERT_EQ(16, write(fd[1], "sixteen bytes..", 16));
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		off_t pos = at[i];

		EXPECT_GE(0, sendfile(other, self->fd, &pos, 16));
		EXPECT_EQ(at[i], pos);
		EXPECT_GE(0, splice(self->fd, &pos, fd[1], NULL, 16, 0));
		EXPECT_EQ(at[i], pos);
		EXPECT_EQ(-1, splice(fd[0], NULL, self->fd, &pos, 16, 0));
		EXPECT_EQ(at[i], pos);
		EXPECT_GE(0, copy_file_range(other, NULL, self->fd, &pos, 16,
					     0));
		EXPECT_EQ(at[i], pos);
	}
	EXPECT_EQ(0, pattern_check(self->mem, self->size, 1));
	close(fd[0]);
	close(fd[1]);
	close(other);
}

/* Ranges of pages that are no part of what there is, for who pins them */
#define HALF	INT64_MIN	/* 2^63 bytes */

static const struct {
	__s64 pos, len;
} outside[] = {
	{ 0, 0 }, { 0, 5 }, { 1, 4 }, { 4, 1 }, { 3, -1 }, { 1, -1 }, { -1, 1 },
	{ -1, 2 }, { -4, 8 }, { HALF, 1 }, { 0, HALF }, { HALF + 1, -1 },
	{ HALF, HALF }, { 1LL << 20, 1 }, { 0, 1LL << 20 }, { 1LL << 32, 1 },
	{ 0, 1LL << 32 }, { 1, (1LL << 32) - 1 },
};

static __u64 bytes_of(__s64 pages, size_t page)
{
	if (pages < HALF + 10)
		return ((__u64)pages ^ (__u64)HALF) * page + (1ULL << 63);
	return (__u64)pages * page;
}

TEST_F(wraps, udmabuf)
{
	int dev = open("/dev/udmabuf", O_RDWR), fd;
	unsigned int i;

	if (dev < 0)
		SKIP(return, "no /dev/udmabuf in this kernel");
	for (i = 0; i < ARRAY_SIZE(outside); i++) {
		struct udmabuf_create create = {
			.memfd = self->fd,
			.offset = bytes_of(outside[i].pos, self->page),
			.size = bytes_of(outside[i].len, self->page),
		};

		/* Stock warns of the array that it allocates for those */
		if (create.size / PAGE > INT_MAX / sizeof(long) &&
		    create.size / PAGE <= (1ULL << 51) / PAGE)
			continue;
		EXPECT_EQ(-1, ioctl(dev, UDMABUF_CREATE, &create))
			TH_LOG("%lld at %lld", (long long)outside[i].len,
			       (long long)outside[i].pos);
	}
	fd = ioctl(dev, UDMABUF_CREATE, &(struct udmabuf_create) {
		.memfd = self->fd,
		.offset = self->size - self->page,
		.size = self->page,
	});
	EXPECT_LE(0, fd);
	close(fd);
	close(dev);
}

TEST_F(wraps, iommufd)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int dev = open("/dev/iommu", O_RDWR);
	unsigned int i;

	if (dev < 0)
		SKIP(return, "no /dev/iommu in this kernel");
	ASSERT_EQ(0, ioctl(dev, IOMMU_IOAS_ALLOC, &alloc));
	for (i = 0; i < ARRAY_SIZE(outside); i++) {
		struct iommu_ioas_map_file map = {
			.size = sizeof(map),
			.flags = IOMMU_IOAS_MAP_READABLE,
			.ioas_id = alloc.out_ioas_id,
			.fd = self->fd,
			.start = bytes_of(outside[i].pos, self->page),
			.length = bytes_of(outside[i].len, self->page),
		};

		/* Whether it is within the file is asked when it is pinned */
		if (!ioctl(dev, IOMMU_IOAS_MAP_FILE, &map))
			EXPECT_LE(map.start, map.start + map.length - 1);
	}
	close(dev);
}

/* The same of the functions that drivers call */
TEST_F(wraps, ranges)
{
	static const unsigned long cmds[] = {
		ANON_TEST_PIN, ANON_TEST_SWAP_OUT, ANON_TEST_PREFETCH,
		ANON_TEST_TRUNCATE,
	};
	struct anon_test_stat before, after;
	unsigned int i, j;

	if (!variant->object)
		return;
	before = stat_of(self->dev);
	for (i = 0; i < ARRAY_SIZE(cmds); i++)
		for (j = 0; j < ARRAY_SIZE(outside); j++)
			EXPECT_EQ(EINVAL, ERRNO_OF(range(self->dev, cmds[i],
					bytes_of(outside[j].pos, self->page),
					bytes_of(outside[j].len, self->page))))
				TH_LOG("call %u: %lld at %lld", i,
				       (long long)outside[j].len,
				       (long long)outside[j].pos);
	after = stat_of(self->dev);
	EXPECT_EQ(before.resident, after.resident);
	EXPECT_EQ(0, after.pinned);
	EXPECT_EQ(0, pattern_check(self->mem, self->size, 1));
}

/* Objects that are as large as can be; what they cost is what they hold. */
TEST(objects)
{
	static const __u32 shifts[] = {
		1, 2, 63, 64, 65, 1U << 31, -1, -43, -34, 21U << 26, 21 + 64,
		21 + (1U << 31),
	};
	int dev, i;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no objects");
	dev = device_open();
	ASSERT_LE(0, dev);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(EINVAL, ERRNO_OF(create(dev, 0, i, NORESERVE)));
		EXPECT_EQ(EINVAL, ERRNO_OF(create(dev, -1, i, NORESERVE)));
		EXPECT_EQ(EINVAL, ERRNO_OF(create(dev, 1ULL << 63, i,
						  NORESERVE)));
		EXPECT_EQ(EINVAL, ERRNO_OF(create(dev, PAGE, i, 1U << 31)));
	}
	EXPECT_EQ(EINVAL, ERRNO_OF(create(dev, MAX_SIZE + 1ULL, OBJ_SHMEM,
					  NORESERVE)));
	EXPECT_EQ(ENOMEM, ERRNO_OF(create(dev, MAX_SIZE, OBJ_SHMEM, 0)));
	/* Rounded up to a huge page, there is no such size */
	EXPECT_EQ(EINVAL, ERRNO_OF(create(dev, MAX_SIZE, OBJ_HUGETLB,
					  NORESERVE)));
	EXPECT_EQ(EINVAL, ERRNO_OF(create(dev, PAGE, -1, 0)));
	for (i = 0; i < (int)ARRAY_SIZE(shifts); i++) {
		struct anon_test_create create = {
			.size = PAGE,
			.backend = OBJ_HUGETLB,
			.flags = NORESERVE,
			.page_shift = shifts[i],
		};

		EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(dev, ANON_TEST_CREATE,
						 &create)))
			TH_LOG("page shift %#x", shifts[i]);
	}
	close(dev);
}

TEST(largest_object)
{
	/* The last page's end would not be an offset where there are 64 bits */
	__u64 last = (MAX_SIZE - 1) & ~((__u64)PAGE - 1), size;
	char c[] = "l", *mem;
	int dev, fd;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no objects");
	dev = device_open();
	ASSERT_EQ(0, create(dev, MAX_SIZE, OBJ_SHMEM, NORESERVE | RESIZABLE));
	fd = view(dev);
	ASSERT_LE(0, fd);
	EXPECT_EQ(MAX_SIZE, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(1, pwrite(fd, "f", 1, 0));
	EXPECT_EQ(1, pwrite(fd, c, 1, MAX_SIZE - 1));
	EXPECT_EQ(1, pread(fd, c, 1, MAX_SIZE - 1));
	EXPECT_EQ('l', c[0]);
	EXPECT_EQ(2 * PAGE, stat_of(dev).resident);
	mem = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ('f', mem[0]);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, RW, MAP_SHARED, fd,
				   INT64_MIN));

	/* A part that has room in memory, and all, which has not */
	EXPECT_EQ(0, range(dev, ANON_TEST_PIN, last - PAGE, PAGE));
	EXPECT_EQ(0, ioctl(dev, ANON_TEST_UNPIN));
	EXPECT_NE(0, range(dev, ANON_TEST_PIN, 0, last));
	EXPECT_NE(0, range(dev, ANON_TEST_PIN, PAGE, last - PAGE));
	EXPECT_EQ(0, stat_of(dev).pinned);

	EXPECT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_LE(PAGE, stat_of(dev).swapped);
	EXPECT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED));
	EXPECT_EQ('f', mem[0]);
	EXPECT_EQ(0, posix_fadvise(fd, 1, MAX_SIZE - 2, POSIX_FADV_WILLNEED));
	EXPECT_EQ(0, posix_fadvise(fd, 1, MAX_SIZE - 2, POSIX_FADV_DONTNEED));
	EXPECT_EQ(1, pread(fd, c, 1, MAX_SIZE - 1));
	EXPECT_EQ('l', c[0]);

	size = PAGE;
	EXPECT_EQ(0, ioctl(dev, ANON_TEST_RESIZE, &size));
	EXPECT_EQ('f', mem[0]);
	size = MAX_SIZE;
	EXPECT_EQ(0, ioctl(dev, ANON_TEST_RESIZE, &size));
	EXPECT_EQ(1, pread(fd, c, 1, MAX_SIZE - 1));
	EXPECT_EQ(0, c[0]);
	size = 1ULL << 63;
	EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(dev, ANON_TEST_RESIZE, &size)));
	size = -1;
	EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(dev, ANON_TEST_RESIZE, &size)));
	EXPECT_EQ(0, range(dev, ANON_TEST_TRUNCATE, 0, MAX_SIZE));
	EXPECT_EQ(0, stat_of(dev).resident + stat_of(dev).swapped);
	EXPECT_EQ(0, mem[0]);
	close(fd);
	close(dev);
}

/* --- System V --- */

FIXTURE(segments)
{
	long committed;
};

FIXTURE_SETUP(segments)
{
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	self->committed = meminfo("Committed_AS");
}

FIXTURE_TEARDOWN(segments)
{
	shm_remove_all();
	/* In kB; what other processes have is not still */
	EXPECT_GT(64 * 1024, labs(meminfo("Committed_AS") - self->committed));
}

#define GET(size, flags)						\
	ERRNO_OF(shmget(IPC_PRIVATE, (size), IPC_CREAT | 0600 | (flags)))

TEST_F(segments, sizes)
{
	static const int flags[] = { 0, SHM_NORESERVE, SHM_HUGETLB,
				     SHM_HUGETLB | SHM_NORESERVE };
	const size_t sizes[] = { SIZE_MAX, SIZE_MAX - PAGE, -2 * MIB,
				 SIZE_MAX - 4 * MIB };
	unsigned int i, j;
	int err;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			err = GET(sizes[j], flags[i]);
			EXPECT_TRUE(err == EINVAL || err == ENOSPC ||
				    err == ENOMEM)
				TH_LOG("%#zx, flags %o: %d", sizes[j], flags[i],
				       err);
		}
	/* More than there is of anything */
	EXPECT_EQ(ENOMEM, GET((size_t)LONG_MAX - PAGE, 0));
	EXPECT_NE(0, GET((size_t)LONG_MAX - PAGE, SHM_HUGETLB));
	EXPECT_NE(0, GET((size_t)LONG_MAX + 1, 0));
	if (IS_64BIT)
		EXPECT_EQ(EINVAL, GET((size_t)LONG_MAX + 1, SHM_NORESERVE));
	EXPECT_EQ(0, sysvipc_count());
	EXPECT_GT(64 * 1024, labs(meminfo("Committed_AS") - self->committed));
}

/* All that fits into the bits which flags have for it */
TEST_F(segments, page_shifts)
{
	int shift, err;

	for (shift = 0; shift < 64; shift++) {
		err = GET(PAGE, SHM_HUGETLB | SHM_NORESERVE |
			  (int)((unsigned int)shift << SHM_HUGE_SHIFT));
		if (shift && err)
			EXPECT_EQ(EINVAL, err)
				TH_LOG("page shift %d", shift);
		EXPECT_TRUE(err || !shift || shift >= 12);
	}
}

/* Nothing has been reserved, so it can be made; but not attached. */
TEST_F(segments, largest)
{
	char table[16384] = "", *line;
	int id = shmget(IPC_PRIVATE, LONG_MAX, IPC_CREAT | 0600 |
			SHM_NORESERVE);
	struct shmid_ds ds;
	struct sysvipc row;
	long long size;

	ASSERT_LE(0, id);
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(LONG_MAX, ds.shm_segsz);
	ASSERT_EQ(0, sysvipc_read(id, &row));
	EXPECT_EQ(LONG_MAX, row.size);
	EXPECT_EQ(0, row.rss);
	EXPECT_EQ(SHM_FAILED, shmat(id, NULL, 0));
	EXPECT_EQ(SHM_FAILED, shmat(id, NULL, SHM_RDONLY));
	EXPECT_EQ(SHM_FAILED, shmat(id, (void *)PAGE, SHM_REMAP));
	EXPECT_EQ(0, shm_nattch(id));
	EXPECT_EQ(0, shmctl(id, SHM_LOCK, NULL));
	EXPECT_EQ(0, shmctl(id, SHM_UNLOCK, NULL));
	if (!kernel_is_ported())
		return;
	ASSERT_EQ(0, read_file(ANON_OBJECTS, table, sizeof(table)));
	line = strstr(table, "\nSYSV00000000 shmem ");
	ASSERT_NE(NULL, line);
	ASSERT_EQ(1, sscanf(line, " %*s %*s %*d %lld", &size));
	EXPECT_EQ((LONG_MAX >> 10) + 1LL, size);
}

TEST_F(segments, addresses)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
	char *const addresses[] = {
		(char *)-PAGE, (char *)(-4 * PAGE), (char *)(-8 * PAGE),
		(char *)(ULONG_MAX / 2 + 1),
	};
	unsigned int i;

	ASSERT_LE(0, id);
	EXPECT_EQ(SHM_FAILED, shmat(id, (void *)-1L, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(SHM_FAILED, shmat(id, (void *)1, 0));
	EXPECT_EQ(EINVAL, errno);
	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		EXPECT_EQ(SHM_FAILED, shmat(id, addresses[i], SHM_REMAP));
		EXPECT_EQ(SHM_FAILED, shmat(id, addresses[i] + 1,
					    SHM_RND | SHM_REMAP));
		EXPECT_EQ(EINVAL, ERRNO_OF(shmdt(addresses[i])));
		if (i == 3)	/* 32 bits may have something there */
			break;
		EXPECT_EQ(SHM_FAILED, shmat(id, addresses[i], 0));
	}
	EXPECT_EQ(SHM_FAILED, shmat(id, NULL, SHM_REMAP));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(EINVAL, ERRNO_OF(shmdt((void *)-1L)));
	EXPECT_EQ(0, shm_nattch(id));
	EXPECT_EQ(SHM_FAILED, shmat(-1, NULL, 0));
	EXPECT_EQ(SHM_FAILED, shmat(INT_MIN, NULL, 0));
	EXPECT_EQ(SHM_FAILED, shmat(INT_MAX, NULL, 0));
}

TEST_F(segments, numbers)
{
	static const int cmds[] = { IPC_STAT, SHM_STAT, SHM_STAT_ANY, IPC_RMID,
				    IPC_SET, SHM_LOCK, SHM_UNLOCK };
	static const int ids[] = { -1, INT_MIN, INT_MAX, 1 << 15, 1 << 24 };
	struct shmid_ds ds = {};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(cmds); i++)
		for (j = 0; j < ARRAY_SIZE(ids); j++)
			EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(ids[j], cmds[i],
							  &ds)))
				TH_LOG("command %d of %d", cmds[i], ids[j]);
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(0, INT_MAX, &ds)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(0, -1, &ds)));
}

TEST_HARNESS_MAIN
