// SPDX-License-Identifier: GPL-2.0
/*
 * Views as file descriptors, made by /dev/anon_object_test: what they hold,
 * what they refuse, and what the owner's hooks see of them.
 */
#include "harness.h"

#include <sys/ioctl.h>
#include <sys/mount.h>
#include <linux/falloc.h>
#include <linux/iommufd.h>
#include <linux/udmabuf.h>

#include "anon_object_device.h"
#include "fail.h"

#define DEVICE	"/dev/anon_object_test"
#define TRACING	"/sys/kernel/tracing"

/* Values of enum anon_object_backend and enum anon_object_huge */
#define SHMEM		0
#define HUGETLB		1
#define PAGES		3
#define HUGE_NEVER	1
#define HUGE_ALWAYS	2

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

static bool device_get(void)
{
	if (!access(DEVICE, F_OK))
		return true;
	return system("modprobe anon_object_device 2>/dev/null") == 0 &&
	       !access(DEVICE, F_OK);
}

FIXTURE(view)
{
	int dev;
	size_t size;
	size_t page;
	long pool;
};

FIXTURE_VARIANT(view)
{
	unsigned int backend;
};

FIXTURE_VARIANT_ADD(view, shmem)
{
	.backend = SHMEM,
};

FIXTURE_VARIANT_ADD(view, hugetlb)
{
	.backend = HUGETLB,
};

FIXTURE_SETUP(view)
{
	struct anon_test_create create = {
		.backend = variant->backend,
	};

	self->pool = -1;
	self->dev = -1;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	ASSERT_TRUE(device_get());
	self->page = sysconf(_SC_PAGESIZE);
	if (variant->backend == HUGETLB) {
		self->page = huge_page_size();
		ASSERT_NE(0, self->page);
		self->pool = huge_pool_get(4);
		ASSERT_LE(0, self->pool);
	} else {
		create.huge = HUGE_NEVER;
	}
	self->size = 4 * self->page;
	create.size = self->size;
	self->dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_CREATE, &create));
}

FIXTURE_TEARDOWN(view)
{
	if (self->dev >= 0)
		close(self->dev);
	if (self->pool >= 0)
		huge_pool_put(self->pool);
}

static int view(int dev, int flags, unsigned int hooks)
{
	struct anon_test_view v = { .flags = flags, .hooks = hooks };

	return ioctl(dev, ANON_TEST_VIEW, &v);
}

static struct anon_test_stat stat_of(int dev)
{
	struct anon_test_stat stat = {};

	ioctl(dev, ANON_TEST_STAT, &stat);
	return stat;
}

static void *map(int fd, size_t size, int prot)
{
	return mmap(NULL, size, prot, MAP_SHARED, fd, 0);
}

TEST_F(view, two_views_hold_the_same_bytes)
{
	int rw = view(self->dev, O_RDWR, 0), ro = view(self->dev, O_RDONLY, 0);
	char *a, *b, buf[16];

	ASSERT_LE(0, rw);
	ASSERT_LE(0, ro);
	a = map(rw, self->size, PROT_READ | PROT_WRITE);
	b = map(ro, self->size, PROT_READ);
	ASSERT_NE(MAP_FAILED, a);
	ASSERT_NE(MAP_FAILED, b);

	pattern_fill(a, self->size, 1);
	EXPECT_EQ(0, pattern_check(b, self->size, 1));
	ASSERT_EQ(16, pread(ro, buf, 16, self->page - 8));
	EXPECT_EQ(0, memcmp(buf, a + self->page - 8, 16));
	ASSERT_EQ(16, pwrite(rw, "sixteen bytes..", 16, self->page - 8));
	EXPECT_EQ(0, memcmp(b + self->page - 8, "sixteen bytes..", 16));
}

TEST_F(view, size_is_what_the_object_has)
{
	int fd = view(self->dev, O_RDWR, 0);
	struct stat st;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(self->size, st.st_size);
	EXPECT_EQ(self->size, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(0, read(fd, &st, sizeof(st)));
	EXPECT_EQ(ENOSPC, ERRNO_OF(write(fd, "x", 1)));
	EXPECT_NE(0, ERRNO_OF(ftruncate(fd, self->size / 2)));
	EXPECT_NE(0, ERRNO_OF(ftruncate(fd, self->size * 2)));
	EXPECT_NE(0, ERRNO_OF(fallocate(fd, 0, self->size, self->page)));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(self->size, st.st_size);
	EXPECT_EQ(0, fsync(fd));
}

TEST_F(view, mapping_beyond_the_end_is_refused)
{
	int fd = view(self->dev, O_RDWR, 0);
	struct stat st;

	ASSERT_LE(0, fd);
	EXPECT_EQ(MAP_FAILED, map(fd, self->size + self->page,
				  PROT_READ | PROT_WRITE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->page, PROT_READ | PROT_WRITE,
				   MAP_SHARED, fd, self->size));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(self->size, st.st_size);
}

TEST_F(view, access_mode_is_honoured)
{
	int ro = view(self->dev, O_RDONLY, 0), wo = view(self->dev, O_WRONLY, 0);
	char *mem;

	ASSERT_LE(0, ro);
	ASSERT_LE(0, wo);
	EXPECT_EQ(EBADF, ERRNO_OF(write(ro, "x", 1)));
	EXPECT_EQ(EBADF, ERRNO_OF(read(wo, &mem, 1)));
	EXPECT_EQ(MAP_FAILED, map(ro, self->size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, map(wo, self->size, PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(EBADF, ERRNO_OF(fallocate(ro, FALLOC_FL_PUNCH_HOLE |
					    FALLOC_FL_KEEP_SIZE, 0,
					    self->page)));
	EXPECT_EQ(EPERM, posix_fadvise(ro, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_EQ(0, posix_fadvise(wo, 0, 0, POSIX_FADV_DONTNEED));

	mem = map(ro, self->size, PROT_READ);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(EACCES, ERRNO_OF(mprotect(mem, self->page,
					    PROT_READ | PROT_WRITE)));
}

/* A dma-buf of a file's memory, which can be written to. */
static int udmabuf(int dev, int fd, size_t size)
{
	struct udmabuf_create create = { .memfd = fd, .size = size };

	return ioctl(dev, UDMABUF_CREATE, &create);
}

TEST_F(view, udmabuf_gives_no_more)
{
	int ro = view(self->dev, O_RDONLY, 0);
	int wo = view(self->dev, O_WRONLY, 0);
	int rw = view(self->dev, O_RDWR, 0);
	int dev = open("/dev/udmabuf", O_RDWR), buf;
	char *mem, c = 0;

	if (dev < 0 && errno == ENOENT)
		SKIP(return, "no /dev/udmabuf in this kernel");
	ASSERT_LE(0, dev);
	EXPECT_EQ(EACCES, ERRNO_OF(udmabuf(dev, ro, self->page)));
	EXPECT_EQ(EACCES, ERRNO_OF(udmabuf(dev, wo, self->page)));

	buf = udmabuf(dev, rw, self->page);
	ASSERT_LE(0, buf);
	mem = map(buf, self->page, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, mem);
	mem[1] = 'u';
	EXPECT_EQ(1, pread(ro, &c, 1, 1));
	EXPECT_EQ('u', c);
	munmap(mem, self->page);
	close(buf);
	close(dev);
}

static int map_file(int dev, __u32 ioas, int fd, __u32 flags, size_t size)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = flags,
		.ioas_id = ioas,
		.fd = fd,
		.length = size,
	};

	return ioctl(dev, IOMMU_IOAS_MAP_FILE, &map);
}

/* What has been mapped for reading, mapped for writing as well */
static int copy_for_writing(int dev, __u32 ioas, int fd, size_t size)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE,
		.ioas_id = ioas,
		.fd = fd,
		.length = size,
	};
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.dst_ioas_id = ioas,
		.src_ioas_id = ioas,
		.length = size,
	};

	if (ioctl(dev, IOMMU_IOAS_MAP_FILE, &map))
		return ENOENT;
	copy.src_iova = map.iova;
	return ERRNO_OF(ioctl(dev, IOMMU_IOAS_COPY, &copy));
}

TEST_F(view, iommufd_gives_no_more)
{
	const __u32 readable = IOMMU_IOAS_MAP_READABLE;
	const __u32 writeable = IOMMU_IOAS_MAP_WRITEABLE;
	int ro = view(self->dev, O_RDONLY, 0);
	int wo = view(self->dev, O_WRONLY, 0);
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int rw = view(self->dev, O_RDWR, 0);
	int dev = open("/dev/iommu", O_RDWR);
	__u32 ioas;

	if (dev < 0 && errno == ENOENT)
		SKIP(return, "no /dev/iommu in this kernel");
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, ioctl(dev, IOMMU_IOAS_ALLOC, &alloc));
	ioas = alloc.out_ioas_id;
	EXPECT_EQ(EACCES, ERRNO_OF(map_file(dev, ioas, ro, writeable,
					    self->page)));
	EXPECT_EQ(EACCES, ERRNO_OF(map_file(dev, ioas, ro, readable | writeable,
					    self->page)));
	EXPECT_EQ(EACCES, ERRNO_OF(map_file(dev, ioas, wo, readable | writeable,
					    self->page)));
	EXPECT_EQ(0, map_file(dev, ioas, ro, readable, self->page));
	EXPECT_EQ(EPERM, copy_for_writing(dev, ioas, ro, self->page));
	EXPECT_EQ(0, map_file(dev, ioas, rw, readable | writeable, self->page));
	close(dev);
}

TEST_F(view, bad_flags_are_refused)
{
	EXPECT_EQ(EINVAL, ERRNO_OF(view(self->dev, O_ACCMODE, 0)));
	EXPECT_EQ(EINVAL, ERRNO_OF(view(self->dev, O_RDWR | O_APPEND, 0)));
	EXPECT_EQ(EINVAL, ERRNO_OF(view(self->dev, O_RDWR | O_TRUNC, 0)));
}

TEST_F(view, reopening_gives_nothing)
{
	int fd = view(self->dev, O_RDONLY, 0);
	char path[64];

	ASSERT_LE(0, fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	EXPECT_EQ(EACCES, ERRNO_OF(open(path, O_RDWR)));
	EXPECT_EQ(EACCES, ERRNO_OF(open(path, O_RDONLY)));
}

TEST_F(view, fd_number_and_cloexec)
{
	struct anon_test_view v = {
		.flags = O_RDWR, .lowest = 700, .fd_flags = O_CLOEXEC,
	};
	int fd = ioctl(self->dev, ANON_TEST_VIEW, &v);
	int other;

	EXPECT_EQ(700, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	v.fd_flags = 0;
	other = ioctl(self->dev, ANON_TEST_VIEW, &v);
	EXPECT_EQ(701, other);
	EXPECT_EQ(0, fcntl(other, F_GETFD));
	v.fd_flags = O_NONBLOCK;
	EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(self->dev, ANON_TEST_VIEW, &v)));
	v.fd_flags = 0;
	v.lowest = 1U << 30;
	EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(self->dev, ANON_TEST_VIEW, &v)));
}

TEST_F(view, object_outlives_its_owner)
{
	int fd = view(self->dev, O_RDWR, 0);
	char *mem;

	ASSERT_LE(0, fd);
	mem = map(fd, self->size, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, self->size, 2);
	close(self->dev);
	self->dev = -1;
	close(fd);
	EXPECT_EQ(0, pattern_check(mem, self->size, 2));
	munmap(mem, self->size);
}

TEST_F(view, hooks_count_mappings)
{
	int fd = view(self->dev, O_RDWR, ANON_TEST_HOOK_COUNT);
	struct anon_test_stat stat;
	int status;
	char *mem;
	pid_t pid;

	ASSERT_LE(0, fd);
	mem = map(fd, self->size, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, self->size, 3);
	stat = stat_of(self->dev);
	EXPECT_EQ(1, stat.opens);
	EXPECT_EQ(0, stat.closes);

	/* A split, then the hole between the halves */
	ASSERT_EQ(0, munmap(mem + self->page, self->page));
	stat = stat_of(self->dev);
	EXPECT_EQ(1, stat.opens - stat.closes - 1);

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(pattern_check(mem, self->page, 3) ? 1 : 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	stat = stat_of(self->dev);
	EXPECT_EQ(2, stat.opens - stat.closes);

	munmap(mem, self->size);
	stat = stat_of(self->dev);
	EXPECT_EQ(0, stat.opens - stat.closes);
	EXPECT_EQ(0, stat.releases);
	close(fd);
	EXPECT_EQ(1, stat_of(self->dev).releases);
}

TEST_F(view, punching_waits_for_pins)
{
	struct anon_test_range range = { .len = self->page };
	int fd = view(self->dev, O_RDWR, 0);
	char *mem;

	ASSERT_LE(0, fd);
	mem = map(fd, self->size, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 7, self->size);

	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_PIN, &range));
	EXPECT_EQ(self->page, stat_of(self->dev).pinned);
	EXPECT_EQ(EBUSY, ERRNO_OF(fallocate(fd, FALLOC_FL_PUNCH_HOLE |
					    FALLOC_FL_KEEP_SIZE, 0,
					    self->page)));
	EXPECT_EQ(7, mem[0]);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_UNPIN));
	EXPECT_EQ(0, stat_of(self->dev).pinned);
	EXPECT_EQ(0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, self->page));
	EXPECT_EQ(self->size - self->page, stat_of(self->dev).resident);
	EXPECT_EQ(0, mem[0]);
	EXPECT_EQ(7, mem[self->page]);
}

TEST_F(view, purged_memory_faults_as_the_hook_says)
{
	int fd = view(self->dev, O_RDWR, ANON_TEST_HOOK_FAULT);
	char *mem;

	if (variant->backend == HUGETLB) {
		EXPECT_EQ(EOPNOTSUPP, ERRNO_OF(view(self->dev, O_RDWR,
						    ANON_TEST_HOOK_FAULT)));
		return;
	}
	ASSERT_LE(0, fd);
	mem = map(fd, self->size, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, self->size);
	EXPECT_EQ(0, read_signal(mem));
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_PURGE));
	EXPECT_EQ(SIGBUS, read_signal(mem));
	EXPECT_EQ(SIGBUS, write_signal(mem));
}

/* Of what is there already, too: such a mapping is a special one. */
TEST_F(view, collapsing_does_not_pass_the_hook)
{
	const size_t size = thp_size();
	struct anon_test_create create = {
		.backend = SHMEM, .huge = HUGE_NEVER, .size = size,
	};
	int dev = open(DEVICE, O_RDWR), plain, hooked;
	char *room, *mem, *buf = calloc(1, size);

	if (variant->backend == HUGETLB)
		return;
	if (!size || size > 4 << 20)
		SKIP(return, "no large folios of a few MiB");
	ASSERT_NE(NULL, buf);
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, ioctl(dev, ANON_TEST_CREATE, &create));
	plain = view(dev, O_RDWR, 0);
	hooked = view(dev, O_RDWR, ANON_TEST_HOOK_FAULT);
	ASSERT_LE(0, plain);
	ASSERT_LE(0, hooked);
	mem = map(hooked, size, PROT_READ);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, mlock(mem, size));
	EXPECT_EQ(0, smaps_kb(mem, "Locked"));
	EXPECT_EQ(MAP_FAILED, mremap(mem, size, 2 * size, MREMAP_MAYMOVE));
	EXPECT_EQ(0, munmap(mem, size));

	ASSERT_EQ(0, ioctl(dev, ANON_TEST_PURGE));
	ASSERT_EQ(size, pwrite(plain, buf, size, 0));

	room = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	ASSERT_NE(MAP_FAILED, room);
	mem = room + size - (uintptr_t)room % size;
	ASSERT_EQ(mem, mmap(mem, size, PROT_READ, MAP_SHARED | MAP_FIXED,
			    hooked, 0));
	EXPECT_NE(0, madvise(mem, size, MADV_COLLAPSE));
	EXPECT_EQ(SIGBUS, read_signal(mem));
	free(buf);
	close(dev);
}

/* What has been purged is gone for good: no fresh page takes its place. */
TEST_F(view, purged_for_good)
{
	int fd = view(self->dev, O_RDWR, 0);
	char *mem, c;

	ASSERT_LE(0, fd);
	mem = map(fd, self->size, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, self->size);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_EMPTY));
	EXPECT_EQ(SIGBUS, read_signal(mem));
	EXPECT_EQ(SIGBUS, write_signal(mem + self->size - 1));
	EXPECT_EQ(0, pread(fd, &c, 1, 0));
	EXPECT_EQ(ENOSPC, ERRNO_OF(pwrite(fd, "x", 1, 0)));
	EXPECT_EQ(0, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(EPERM, ERRNO_OF(ftruncate(fd, 2 * self->size)));
	EXPECT_EQ(EPERM, ERRNO_OF(fallocate(fd, 0, 0, self->page)));
	EXPECT_EQ(MAP_FAILED, map(fd, self->page, PROT_READ));
	EXPECT_EQ(0, stat_of(self->dev).resident);
}

/* Nor in what is a mapping of one's own. */
TEST_F(view, purged_for_private_mappings)
{
	int fd = view(self->dev, O_RDWR, 0);
	char *mem;

	ASSERT_LE(0, fd);
	/* The pool has no more than what the object has reserved */
	mem = mmap(NULL, self->size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_EMPTY));
	EXPECT_EQ(SIGBUS, read_signal(mem));
	EXPECT_EQ(SIGBUS, write_signal(mem + self->size - 1));
	EXPECT_EQ(0, stat_of(self->dev).resident);
	EXPECT_EQ(0, munmap(mem, self->size));
}

TEST_F(view, swapped_out_and_back)
{
	struct anon_test_range all = { .len = self->size };
	int fd = view(self->dev, O_RDWR, 0);
	struct anon_test_stat stat;
	int i, nr, pages = 0;
	char *mem;

	ASSERT_LE(0, fd);
	mem = map(fd, self->size, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, self->size, 4);

	/* Skipped is what another processor has yet to put on a list */
	for (i = 0; i < 100 && pages < 4; i++) {
		nr = ioctl(self->dev, ANON_TEST_SWAP_OUT, &all);
		if (variant->backend == HUGETLB) {
			EXPECT_EQ(-1, nr);
			EXPECT_EQ(EOPNOTSUPP, errno);
			return;
		}
		ASSERT_LE(0, nr);
		pages += nr;
		if (pages < 4)
			write_file("/proc/sys/vm/drop_caches", "1");
	}
	EXPECT_EQ(4, pages);
	stat = stat_of(self->dev);
	EXPECT_EQ(self->size, stat.swapped);
	EXPECT_EQ(0, stat.resident);

	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_PREFETCH, &all));
	stat = stat_of(self->dev);
	EXPECT_EQ(0, stat.swapped);
	EXPECT_EQ(self->size, stat.resident);
	EXPECT_EQ(0, pattern_check(mem, self->size, 4));

	/* What is pinned stays */
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_PIN, &all));
	EXPECT_EQ(0, ioctl(self->dev, ANON_TEST_SWAP_OUT, &all));
	EXPECT_EQ(self->size, stat_of(self->dev).resident);
}

/* Whole pages go to swap, by one who may write; what is touched comes back. */
TEST_F(view, advice_swaps_out_and_back)
{
	int rw = view(self->dev, O_RDWR, 0), ro = view(self->dev, O_RDONLY, 0);
	struct anon_test_range first = { .len = self->page };
	const size_t page = self->page;
	char *mem;

	ASSERT_LE(0, rw);
	ASSERT_LE(0, ro);
	mem = map(rw, self->size, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, self->size, 5);

	EXPECT_EQ(EPERM, posix_fadvise(ro, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_EQ(0, posix_fadvise(rw, self->size, page, POSIX_FADV_DONTNEED));
	EXPECT_EQ(0, posix_fadvise(rw, 1, page, POSIX_FADV_DONTNEED));
	EXPECT_EQ(self->size, stat_of(self->dev).resident);
	if (variant->backend == HUGETLB) {
		EXPECT_EQ(0, posix_fadvise(rw, 0, 0, POSIX_FADV_DONTNEED));
		EXPECT_EQ(self->size, stat_of(self->dev).resident);
		return;
	}

	EXPECT_EQ(0, posix_fadvise(rw, 1, 2 * page, POSIX_FADV_DONTNEED));
	EXPECT_EQ(page, stat_of(self->dev).swapped);
	EXPECT_EQ(0, posix_fadvise(rw, 3 * page, INT64_MAX,
				   POSIX_FADV_DONTNEED));
	EXPECT_EQ(2 * page, stat_of(self->dev).swapped);
	EXPECT_EQ(0, posix_fadvise(rw, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_EQ(self->size, stat_of(self->dev).swapped);

	EXPECT_EQ(0, posix_fadvise(ro, page - 1, 2, POSIX_FADV_WILLNEED));
	EXPECT_EQ(2 * page, stat_of(self->dev).swapped);
	EXPECT_EQ(0, posix_fadvise(ro, 0, 0, POSIX_FADV_WILLNEED));
	EXPECT_EQ(0, stat_of(self->dev).swapped);
	EXPECT_EQ(self->size, stat_of(self->dev).resident);

	/* What is pinned stays */
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_PIN, &first));
	EXPECT_EQ(0, posix_fadvise(rw, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_EQ(page, stat_of(self->dev).resident);
	EXPECT_EQ(self->size - page, stat_of(self->dev).swapped);
	EXPECT_EQ(0, pattern_check(mem, self->size, 5));
}

/* Two processes have it mapped when it goes to swap, and neither notices. */
TEST_F(view, mapped_memory_goes_to_swap)
{
	int fd = view(self->dev, O_RDWR, ANON_TEST_HOOK_COUNT);
	struct anon_test_stat before, stat;
	int ready[2], go[2], status;
	char *mem, c;
	pid_t pid;

	if (variant->backend == HUGETLB)
		return;
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	mem = map(fd, self->size, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, self->size, 8);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		size_t bad = pattern_check(mem, self->size, 8);

		bad += write(ready[1], "r", 1) != 1;
		bad += read(go[0], &c, 1) != 1;
		bad += smaps_kb(mem, "Rss") != 0;
		bad += pattern_check(mem, self->size, 8);
		pattern_fill(mem, self->size, 9);
		_exit(bad ? 1 : 0);
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	before = stat_of(self->dev);
	EXPECT_EQ(self->size, before.resident);

	EXPECT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	stat = stat_of(self->dev);
	EXPECT_EQ(self->size, stat.swapped);
	EXPECT_EQ(0, stat.resident);
	EXPECT_EQ(0, smaps_kb(mem, "Rss"));
	EXPECT_EQ(before.opens, stat.opens);
	EXPECT_EQ(before.closes, stat.closes);
	ASSERT_EQ(1, write(go[1], "g", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, pattern_check(mem, self->size, 9));
	EXPECT_EQ(0, stat_of(self->dev).swapped);
}

/* A large folio of which swap has all, and perhaps the swap cache one page */
struct large {
	size_t page;
	int dev, fd;
	char *mem;
	bool read_ahead;
};

static int make_large(void *arg)
{
	struct anon_test_create create = {
		.backend = SHMEM,
		.size = 2 * MIB,
		.huge = HUGE_ALWAYS,
	};
	struct anon_test_range all = { .len = create.size };
	struct large *large = arg;
	int tries;

	stay_here();
	large->dev = open(DEVICE, O_RDWR);
	if (large->dev < 0 || ioctl(large->dev, ANON_TEST_CREATE, &create))
		return -errno;
	large->fd = view(large->dev, O_RDWR, 0);
	large->mem = map(large->fd, create.size, PROT_READ | PROT_WRITE);
	/* A pin takes what is as large as can be */
	if (large->mem == MAP_FAILED ||
	    ioctl(large->dev, ANON_TEST_PIN, &all) ||
	    ioctl(large->dev, ANON_TEST_UNPIN))
		return -errno;
	pattern_fill(large->mem, create.size, 10);
	/* Others may have a reference for a moment, as compaction does */
	for (tries = 0; stat_of(large->dev).swapped != create.size; tries++) {
		if (tries == 100 ||
		    ioctl(large->dev, ANON_TEST_SWAP_OUT, &all) < 0)
			return -ETIME;
		usleep(tries * 100);
	}
	/* The first page of what the object has for one entry */
	return large->read_ahead &&
	       madvise(large->mem, large->page, MADV_WILLNEED) ? -errno : 0;
}

static int pin_second(void *arg)
{
	struct large *large = arg;
	struct anon_test_range second = {
		.pos = large->page,
		.len = large->page,
	};

	return ioctl(large->dev, ANON_TEST_PIN, &second) ? -errno : 0;
}

static void unpin_second(void *arg)
{
	struct large *large = arg;

	if (stat_of(large->dev).pinned != large->page ||
	    ioctl(large->dev, ANON_TEST_UNPIN) ||
	    pattern_check(large->mem, 2 * MIB, 10))
		abort();
}

static void drop_large(void *arg)
{
	struct large *large = arg;

	munmap(large->mem, 2 * MIB);
	close(large->fd);
	close(large->dev);
}

TEST_F(view, pinned_beside_what_was_read_ahead)
{
	struct large large = { .page = self->page, .read_ahead = true };
	int err;

	if (variant->backend == HUGETLB)
		return;
	if (!zram_on())
		SKIP(return, "no zram in this kernel");
	err = make_large(&large) ?: pin_second(&large);
	EXPECT_EQ(0, err);
	if (!err)
		unpin_second(&large);
	drop_large(&large);
	zram_off();
}

/* What is missing is a page in the middle of what swap has as one */
TEST_F(view, part_pinned_while_allocations_fail)
{
	static const int errors[] = { ENOMEM, 0 };
	const struct fail_call call = {
		.prepare = make_large,
		.call = pin_second,
		.undo = unpin_second,
		.finish = drop_large,
		.errors = errors,
	};
	struct large large = { .page = self->page };

	if (variant->backend == HUGETLB)
		return;
	if (!fail_init())
		SKIP(return, "no allocation fails in this kernel");
	if (!zram_on())
		SKIP(return, "no zram in this kernel");
	EXPECT_FAILS_WELL(&call, &large, 2);
	zram_off();
}

/* The last page is a whole one, however little of it is the object's. */
TEST_F(view, advice_to_the_end)
{
	struct anon_test_create create = {
		.size = 2 * self->page + 1,
		.huge = HUGE_NEVER,
	};
	char buf[1] = "e";
	int dev, fd;

	if (variant->backend == HUGETLB)
		return;
	dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, ioctl(dev, ANON_TEST_CREATE, &create));
	fd = view(dev, O_RDWR, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, pwrite(fd, buf, 1, 0));
	ASSERT_EQ(1, pwrite(fd, buf, 1, create.size - 1));
	EXPECT_EQ(0, posix_fadvise(fd, 1, create.size - 1,
				   POSIX_FADV_DONTNEED));
	EXPECT_EQ(self->page, stat_of(dev).swapped);
	buf[0] = 0;
	ASSERT_EQ(1, pread(fd, buf, 1, create.size - 1));
	EXPECT_EQ('e', buf[0]);
	close(fd);
	close(dev);
}

/* What is allocated is charged to the object's creator, whoever writes or pins. */
TEST_F(view, charged_to_the_creator)
{
	struct anon_test_create create = {
		.backend = SHMEM,
		.size = 8 * MIB,
		.huge = HUGE_NEVER,
	};
	struct anon_test_range half = { .len = 4 * MIB };
	char *buf = calloc(1, 4 * MIB);
	struct cgroup creator, other;
	int dev, fd;

	if (variant->backend == HUGETLB)
		SKIP(return, "huge pages have a cgroup of their own");
	ASSERT_NE(NULL, buf);
	dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, cgroup_enter(&creator, "anon-creator"));
	EXPECT_EQ(0, ioctl(dev, ANON_TEST_CREATE, &create));
	/* Out of it, but with the group still there */
	ASSERT_EQ(0, cgroup_enter(&other, "anon-other"));
	EXPECT_EQ(0, ioctl(dev, ANON_TEST_PIN, &half));
	fd = view(dev, O_RDWR, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ((ssize_t)(4 * MIB), pwrite(fd, buf, 4 * MIB, 4 * MIB));
	EXPECT_LE(8 * MIB, cgroup_read(&creator, "memory.stat", "shmem"));
	EXPECT_GT(MIB, cgroup_read(&other, "memory.stat", "shmem"));
	close(fd);
	close(dev);
	free(buf);
	cgroup_leave(&other);
	cgroup_leave(&creator);
}

TEST_F(view, fdinfo_says_what_it_holds)
{
	struct anon_test_range range = { .len = self->page };
	int fd = view(self->dev, O_RDONLY, 0);
	char path[64], want[64], buf[1024] = "";

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_PIN, &range));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	ASSERT_EQ(0, read_file(path, buf, sizeof(buf)));
	snprintf(want, sizeof(want), "size:\t%zu\n", self->size);
	EXPECT_NE(NULL, strstr(buf, want));
	snprintf(want, sizeof(want), "resident:\t%zu\n", self->page);
	EXPECT_NE(NULL, strstr(buf, want));
	snprintf(want, sizeof(want), "pinned:\t%zu\n", self->page);
	EXPECT_NE(NULL, strstr(buf, want));
	EXPECT_NE(NULL, strstr(buf, variant->backend == HUGETLB ?
			       "backend:\thugetlb\n" : "backend:\tshmem\n"));
	snprintf(want, sizeof(want), "page_size:\t%zu\n", self->page);
	EXPECT_NE(NULL, strstr(buf, want));
	EXPECT_NE(NULL, strstr(buf, "\nage:\t"));
}

/* Reading and mapping leave no trace in it. */
TEST_F(view, time_of_access_stays)
{
	const struct timespec tick = { .tv_nsec = 50 * 1000 * 1000 };
	int fd = view(self->dev, O_RDWR, 0);
	struct stat before, after;
	char c;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &before));
	nanosleep(&tick, NULL);
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	ASSERT_NE(MAP_FAILED, map(fd, self->size, PROT_READ));
	ASSERT_EQ(0, fstat(fd, &after));
	EXPECT_EQ(0, memcmp(&before.st_atim, &after.st_atim,
			    sizeof(after.st_atim)));
}

TEST_F(view, table_lists_the_object)
{
	struct anon_test_range range = { .len = self->page };
	unsigned int major, minor, refs, age;
	static char buf[65536];
	unsigned long ino, cgroup;
	char want[128], comm[32];
	struct stat st;
	char *line;
	int fd, pid;

	fd = view(self->dev, O_RDWR, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st));
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_PIN, &range));
	ASSERT_EQ(0, read_file(ANON_OBJECTS, buf, sizeof(buf)));
	snprintf(want, sizeof(want),
		 "\nanon-object-test %s %zu %zu %zu 0 %zu 0 ",
		 variant->backend == HUGETLB ? "hugetlb" : "shmem",
		 self->page / 1024, self->size / 1024, self->page / 1024,
		 self->page / 1024);
	line = strstr(buf, want);
	ASSERT_NE(NULL, line)
		TH_LOG("no line%s in:\n%s", want, buf);
	ASSERT_EQ(8, sscanf(line + strlen(want), "%u:%u %lu %u %u %lu %d %31s",
			    &major, &minor, &ino, &refs, &age, &cgroup, &pid,
			    comm));
	EXPECT_EQ(st.st_dev, makedev(major, minor));
	EXPECT_EQ(st.st_ino, ino);
	EXPECT_EQ(2, refs);	/* the device's, and the view's */
	EXPECT_GT(600, age);
	EXPECT_EQ(getpid(), pid);
	EXPECT_STREQ("view_fds", comm);
	close(fd);

	close(self->dev);
	self->dev = -1;
	ASSERT_EQ(0, read_file(ANON_OBJECTS, buf, sizeof(buf)));
	EXPECT_EQ(NULL, strstr(buf, "anon-object-test"));
}

static int occurrences(const char *text, const char *word)
{
	int n = 0;

	while ((text = strstr(text, word))) {
		text += strlen(word);
		n++;
	}
	return n;
}

/* The events of an object's life, in their order. */
TEST_F(view, trace_follows_the_object)
{
	static const char * const events[] = {
		"anon_object_create", "anon_object_pin", "anon_object_unpin",
		"anon_object_swap_out", "anon_object_purge",
		"anon_object_destroy",
	};
	struct anon_test_range all = { .len = self->size };
	char *buf, *at, want[64];
	size_t i;
	int fd;

	ASSERT_EQ(0, write_file(TRACING "/events/anon_object/enable", "1"));
	/* That makes it empty; a write alone does not */
	fd = open(TRACING "/trace", O_WRONLY | O_TRUNC);
	ASSERT_LE(0, fd);
	close(fd);
	close(self->dev);
	self->dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_CREATE,
			   &(struct anon_test_create) {
				.size = self->size,
				.backend = variant->backend,
			   }));
	/* What user space makes comes and goes untold */
	fd = memfd_create("untraced", 0);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, ioctl(self->dev, ANON_TEST_PIN, &all));
	EXPECT_EQ(0, ioctl(self->dev, ANON_TEST_UNPIN));
	ioctl(self->dev, ANON_TEST_SWAP_OUT, &all);
	EXPECT_EQ(0, ioctl(self->dev, ANON_TEST_PURGE));
	close(self->dev);
	self->dev = -1;
	write_file(TRACING "/events/anon_object/enable", "0");

	buf = calloc(1, 65536);
	ASSERT_NE(NULL, buf);
	ASSERT_EQ(0, read_file(TRACING "/trace", buf, 65536));
	/* The first line may be the end of the fixture's own object */
	at = strstr(buf, "anon_object_create:");
	EXPECT_EQ(1, occurrences(buf, "anon_object_create:"))
		TH_LOG("%s", buf);
	EXPECT_GE(2, occurrences(buf, "anon_object_destroy:"));
	snprintf(want, sizeof(want), " size %zu pos 0 len %zu ret 0\n",
		 self->size, self->size);
	EXPECT_NE(NULL, strstr(buf, want));
	snprintf(want, sizeof(want), " nr_pages %zu flags ",
		 self->size / (size_t)sysconf(_SC_PAGESIZE));
	EXPECT_NE(NULL, strstr(buf, want));
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		/* hugetlb does not swap */
		if (variant->backend == HUGETLB && i == 3)
			continue;
		ASSERT_NE(NULL, at)
			TH_LOG("no %s in:\n%s", events[i], buf);
		at = strstr(at, events[i]);
	}
	EXPECT_NE(NULL, at);
	free(buf);
}

TEST_F(view, device_view_is_the_drivers)
{
	int fd = view(self->dev, O_RDWR, ANON_TEST_DEVICE_VIEW);
	char *mem, c = 'd';

	ASSERT_LE(0, fd);
	/* Without hooks for it, it is the object's memory that is read */
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	EXPECT_EQ(0, c);
	EXPECT_EQ(MAP_FAILED, map(fd, self->size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	mem = map(fd, self->page, PROT_READ);
	ASSERT_NE(MAP_FAILED, mem);
	/* Not of the object's memory */
	EXPECT_EQ(0, mem[0]);
	EXPECT_EQ(0, stat_of(self->dev).resident);
	EXPECT_EQ(MAP_FAILED, map(fd, self->size + self->page, PROT_READ));
}

/* A memfd's object is the same memory, and the memfd can do what it could. */
TEST(memfd_adopted)
{
	struct anon_test_range range = { .len = PAGE };
	int dev, memfd, fd, again;
	char path[64], c = 0;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	ASSERT_TRUE(device_get());
	dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, dev);
	memfd = memfd_create("adopted", MFD_ALLOW_SEALING);
	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, ftruncate(memfd, 2 * PAGE));
	ASSERT_EQ(1, pwrite(memfd, "m", 1, 0));
	ASSERT_EQ(0, ioctl(dev, ANON_TEST_ADOPT, memfd));
	EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(dev, ANON_TEST_ADOPT, memfd)));
	ASSERT_EQ(0, ioctl(dev, ANON_TEST_PIN, &range));
	fd = view(dev, O_RDWR, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	EXPECT_EQ('m', c);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	again = open(path, O_RDWR);
	EXPECT_LE(0, again);
	EXPECT_EQ(0, ftruncate(again, 4 * PAGE));
	ASSERT_EQ(0, fcntl(memfd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	EXPECT_EQ(EPERM, ERRNO_OF(pwrite(fd, "x", 1, 0)));
	close(again);
	close(memfd);
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	close(fd);
	close(dev);
}

/* A view gives what the file that it was found through gives, and no more. */
TEST(rights_are_those_of_the_file)
{
	char path[64];
	int memfd, rdonly, first, second;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	ASSERT_TRUE(device_get());
	memfd = memfd_create("rights", 0);
	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, ftruncate(memfd, 8192));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	rdonly = open(path, O_RDONLY);
	ASSERT_LE(0, rdonly);
	first = open(DEVICE, O_RDWR);
	ASSERT_LE(0, first);
	second = open(DEVICE, O_RDWR);
	ASSERT_LE(0, second);
	ASSERT_EQ(0, ioctl(first, ANON_TEST_ADOPT, memfd));
	ASSERT_EQ(0, ioctl(second, ANON_TEST_ADOPT, rdonly));
	EXPECT_EQ(EACCES, ERRNO_OF(view(second, O_RDWR, 0)));
	EXPECT_EQ(EACCES, ERRNO_OF(view(second, O_WRONLY, 0)));
	EXPECT_LE(0, view(second, O_RDONLY, 0));
	EXPECT_LE(0, view(first, O_RDWR, 0));
}

/* Only files on shmem and hugetlbfs have an object. */
TEST(other_files_have_none)
{
	int dev, fd[2];

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	ASSERT_TRUE(device_get());
	dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, pipe(fd));
	EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(dev, ANON_TEST_ADOPT, fd[0])));
	EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(dev, ANON_TEST_ADOPT, dev)));
	EXPECT_EQ(EBADF, ERRNO_OF(ioctl(dev, ANON_TEST_ADOPT, 999)));
}

/* Only the kernel's own mounts have inodes with room for one. */
TEST(mounted_files_have_none)
{
	static const char * const types[] = { "tmpfs", "hugetlbfs" };
	int i, dev, fd;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	ASSERT_TRUE(device_get());
	dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mount("none", "/mnt", types[i], 0, NULL));
		fd = open("/mnt/file", O_RDWR | O_CREAT, 0600);
		ASSERT_LE(0, fd);
		EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(dev, ANON_TEST_ADOPT, fd)));
		ASSERT_EQ(0, unlink("/mnt/file"));
		EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(dev, ANON_TEST_ADOPT, fd)));
		close(fd);
		ASSERT_EQ(0, umount("/mnt"));
	}
}

/* Where the device is built in, it has asked for objects during boot. */
TEST(asked_early)
{
	char buf[64] = "";

	if (read_file("/sys/module/anon_object_device/parameters/early", buf,
		      sizeof(buf)))
		SKIP(return, "the device is a module");
	EXPECT_EQ(0, strcmp(buf, "0,-2\n"))
		TH_LOG("early: %s", buf);
}

/* How many objects there are without an inode, and what they have in memory */
static bool pages_objects(long *nr, long *kb)
{
	char line[512];
	bool found = false;
	FILE *f = fopen(ANON_OBJECTS, "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "# pages objects: %ld, %ld kB", nr,
			       kb) == 2;
	if (f)
		fclose(f);
	return found;
}

TEST(table_counts_what_has_no_inode)
{
	const size_t size = 16 * (size_t)sysconf(_SC_PAGESIZE);
	struct anon_test_create create = { .size = size, .backend = PAGES };
	long nr, kb, nr_now, kb_now;
	int dev;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	ASSERT_TRUE(device_get());
	dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, dev);
	ASSERT_TRUE(pages_objects(&nr, &kb));
	ASSERT_EQ(0, ioctl(dev, ANON_TEST_CREATE, &create));
	ASSERT_TRUE(pages_objects(&nr_now, &kb_now));
	EXPECT_EQ(nr + 1, nr_now);
	EXPECT_EQ(kb + (long)size / 1024, kb_now);
	close(dev);
	ASSERT_TRUE(pages_objects(&nr_now, &kb_now));
	EXPECT_EQ(nr, nr_now);
	EXPECT_EQ(kb, kb_now);
}

TEST_HARNESS_MAIN
