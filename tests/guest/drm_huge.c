// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers in huge pages: of the hugetlb pool, where a driver has been told to
 * put them there, and in large folios of shmem, where there is a switch for.
 */
#include "harness.h"

#include <limits.h>
#include <sys/ioctl.h>
#include <linux/falloc.h>

#include "drm_guest.h"

#define PMD	(2 * MIB)
#define SIZE	(2 * PMD)
#define ROUNDS	200

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define BACKING	DRM_GEM_VIEW_BACKING
#define DEVICE	DRM_GEM_VIEW_DEVICE
#define RW	(PROT_READ | PROT_WRITE)

/* Page faults of touching all of it: a few, if there are large entries */
static long faults_of(char *mem, size_t size)
{
	struct rusage before, after;
	size_t i;

	getrusage(RUSAGE_SELF, &before);
	for (i = 0; i < size; i += PAGE)
		__atomic_store_n(mem + i, 0, __ATOMIC_RELAXED);
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
}

#define FEW_FAULTS	16

/*
 * Kernels for 32 bits have large entries for folios, but not for what a driver
 * maps (ARCH_SUPPORTS_PMD_PFNMAP), and split what they swap (THP_SWAP)
 */
#define IS_64BIT	(sizeof(long) == 8)

/* So many faults at most: a driver has entries of a page, and of a PMD by THP */
static long drivers_faults(void)
{
	return IS_64BIT && thp_size() == PMD ? FEW_FAULTS : LONG_MAX;
}

static int punch(int fd, off_t at, off_t len)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
			 len);
}

static size_t nonzero(const char *mem, size_t len)
{
	size_t i, count = 0;

	for (i = 0; i < len; i++)
		count += mem[i] != 0;
	return count;
}

FIXTURE(hugetlb)
{
	struct drm_buf buf;
	int dev;
	int fd;
	int objects;
	long pool;
	long free;
	long reserved;
};

FIXTURE_VARIANT(hugetlb)
{
	struct drm_kind kind;
	__u32 view;
	bool pinned;
};

FIXTURE_VARIANT_ADD(hugetlb, vgem)
{
	.kind = { .driver = VGEM, .hugetlb = true },
	.view = DEVICE,
};

FIXTURE_VARIANT_ADD(hugetlb, vgem_cached)
{
	.kind = { .driver = VGEM, .cached = true, .hugetlb = true },
	.view = BACKING,
};

FIXTURE_VARIANT_ADD(hugetlb, virtio_gpu)
{
	.kind = { .driver = VIRTIO_GPU, .hugetlb = true },
	.view = BACKING,
	.pinned = true,
};

FIXTURE_SETUP(hugetlb)
{
	self->dev = -1;
	self->fd = -1;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	ASSERT_EQ(PMD, huge_page_size());
	self->dev = drm_open(variant->kind.driver);
	ASSERT_LE(0, self->dev);
	self->objects = drm_objects();
	self->pool = huge_pool_get(8);
	ASSERT_LE(0, self->pool);
	self->free = meminfo("HugePages_Free");
	self->reserved = meminfo("HugePages_Rsvd");
	ASSERT_EQ(0, drm_set_kind(&variant->kind));
	ASSERT_EQ(0, drm_dumb(self->dev, SIZE, &self->buf));
	self->fd = drm_view(&self->buf, variant->view, DRM_GEM_VIEW_RDWR);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(hugetlb)
{
	if (self->dev < 0)
		return;
	if (self->fd >= 0)
		close(self->fd);
	close(self->dev);
	drm_reset_kind(&variant->kind);
	EXPECT_TRUE(drm_objects_settle(self->objects))
		TH_LOG("%d objects, before it %d", drm_objects(),
		       self->objects);
	EXPECT_TRUE(meminfo_settles("HugePages_Free", self->free, 0))
		TH_LOG("%ld huge pages free, of %ld",
		       meminfo("HugePages_Free"), self->free);
	EXPECT_TRUE(meminfo_settles("HugePages_Rsvd", self->reserved, 0))
		TH_LOG("%ld huge pages reserved, before it %ld",
		       meminfo("HugePages_Rsvd"), self->reserved);
	huge_pool_put(self->pool);
}

TEST_F(hugetlb, mapped_by_the_driver)
{
	char *mem = drm_map(&self->buf, SIZE, RW);

	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(self->free - 2, meminfo("HugePages_Free"));
	EXPECT_EQ(SIZE, drm_fdinfo(self->fd, "size"));
	EXPECT_EQ(PMD, drm_fdinfo(self->fd, "page_size"));
	EXPECT_EQ(SIZE, drm_fdinfo(self->fd, "resident"));
	EXPECT_EQ(SIZE, drm_fdinfo(self->fd, "pinned"));
	EXPECT_EQ(0, (unsigned long)mem % PMD);
	EXPECT_GE(drivers_faults(), faults_of(mem, SIZE));
	EXPECT_EQ(0, nonzero(mem, SIZE));
	pattern_fill(mem, SIZE, 1);
	munmap(mem, SIZE);
	mem = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, pattern_check(mem, SIZE, 1));
	munmap(mem, SIZE);
}

TEST_F(hugetlb, read_and_written_through_the_view)
{
	char *buf = malloc(SIZE), *mem;

	ASSERT_NE(NULL, buf);
	pattern_fill(buf, SIZE, 2);
	ASSERT_EQ(SIZE, pwrite(self->fd, buf, SIZE, 0));
	memset(buf, 0, SIZE);
	ASSERT_EQ(SIZE, pread(self->fd, buf, SIZE, 0));
	EXPECT_EQ(0, pattern_check(buf, SIZE, 2));
	EXPECT_EQ(self->free - 2, meminfo("HugePages_Free"));
	mem = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, pattern_check(mem, SIZE, 2));
	pattern_fill(mem, SIZE, 3);
	ASSERT_EQ(SIZE, pread(self->fd, buf, SIZE, 0));
	EXPECT_EQ(0, pattern_check(buf, SIZE, 3));
	/* While it is mapped, and across the huge pages */
	ASSERT_EQ(16, pwrite(self->fd, "sixteen bytes..", 16, PMD - 8));
	EXPECT_EQ(0, memcmp(mem + PMD - 8, "sixteen bytes..", 16));
	munmap(mem, SIZE);
	free(buf);
}

TEST_F(hugetlb, mapped_through_the_view)
{
	char *mem = mmap(NULL, SIZE, RW, MAP_SHARED, self->fd, 0), *driver;

	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, (unsigned long)mem % PMD);
	EXPECT_GE(variant->view == BACKING ? FEW_FAULTS : drivers_faults(),
		  faults_of(mem, SIZE));
	EXPECT_EQ(self->free - 2, meminfo("HugePages_Free"));
	EXPECT_EQ(0, nonzero(mem, SIZE));
	if (variant->view == BACKING) {
		EXPECT_EQ(PMD / 1024, smaps_kb(mem, "KernelPageSize"));
		EXPECT_EQ(SIZE / 1024, smaps_kb(mem, "Private_Hugetlb") +
				       smaps_kb(mem, "Shared_Hugetlb"));
		EXPECT_EQ(EINVAL, ERRNO_OF(munmap(mem, PAGE)));
	}
	driver = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, driver);
	pattern_fill(mem, SIZE, 4);
	EXPECT_EQ(0, pattern_check(driver, SIZE, 4));
	pattern_fill(driver, SIZE, 5);
	EXPECT_EQ(0, pattern_check(mem, SIZE, 5));

	/* Its second half */
	munmap(mem, SIZE);
	mem = mmap(NULL, PMD, RW, MAP_SHARED, self->fd, PMD);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, memcmp(mem, driver + PMD, PMD));
	munmap(mem, PMD);
	munmap(driver, SIZE);
}

TEST_F(hugetlb, views_allowed)
{
	int fd = drm_view(&self->buf, BACKING, 0);

	if (variant->view == DEVICE) {
		EXPECT_EQ(-EOPNOTSUPP, fd);
		return;
	}
	ASSERT_LE(0, fd);
	close(fd);
	fd = drm_view(&self->buf, DEVICE, 0);
	ASSERT_LE(0, fd);
	close(fd);
}

TEST_F(hugetlb, size_is_rounded_up)
{
	struct drm_buf buf;
	char *mem, byte = 'e';
	struct stat st;
	int fd;

	ASSERT_EQ(0, drm_dumb(self->dev, 3 * PAGE, &buf));
	fd = drm_view(&buf, variant->view, DRM_GEM_VIEW_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(PMD, st.st_size);
	EXPECT_EQ(1, pwrite(fd, &byte, 1, PMD - 1));
	EXPECT_EQ(ENOSPC, ERRNO_OF(pwrite(fd, &byte, 1, PMD)));
	/* What was asked for can be had by its own length */
	mem = drm_map(&buf, 3 * PAGE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, nonzero(mem, 3 * PAGE));
	mem[3 * PAGE - 1] = 'x';
	EXPECT_EQ(1, pread(fd, &byte, 1, 3 * PAGE - 1));
	EXPECT_EQ('x', byte);
	munmap(mem, 3 * PAGE);
	close(fd);
	ASSERT_EQ(0, drm_free(&buf));
}

TEST_F(hugetlb, driver_mapping_in_parts)
{
	char *mem = drm_map(&self->buf, SIZE, RW);
	size_t i;

	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < SIZE / PAGE; i++)
		*(size_t *)(mem + i * PAGE) = i;
	ASSERT_EQ(0, munmap(mem, SIZE));
	mem = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	/* Before anything is touched, and after */
	ASSERT_EQ(0, munmap(mem, 3 * PAGE));
	for (i = 3; i < SIZE / PAGE; i++)
		ASSERT_EQ(i, *(size_t *)(mem + i * PAGE));
	ASSERT_EQ(0, munmap(mem + PMD + PAGE, PAGE));
	EXPECT_EQ(SIZE / PAGE - 1, *(size_t *)(mem + SIZE - PAGE));
	ASSERT_EQ(0, munmap(mem, SIZE));
}

TEST_F(hugetlb, punched)
{
	char *mem;

	ASSERT_EQ(1, pwrite(self->fd, "a", 1, 0));
	ASSERT_EQ(1, pwrite(self->fd, "b", 1, PMD));
	if (variant->pinned) {
		EXPECT_EQ(EBUSY, ERRNO_OF(punch(self->fd, 0, PMD)));
		return;
	}
	mem = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(EBUSY, ERRNO_OF(punch(self->fd, 0, PMD)));
	EXPECT_EQ('a', mem[0]);
	munmap(mem, SIZE);
	ASSERT_EQ(0, punch(self->fd, 0, PMD));
	EXPECT_EQ(self->free - 1, meminfo("HugePages_Free"));
	EXPECT_EQ(PMD, drm_fdinfo(self->fd, "resident"));
	mem = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, nonzero(mem, PMD));
	EXPECT_EQ('b', mem[PMD]);
	munmap(mem, SIZE);
}

TEST_F(hugetlb, shared_by_prime)
{
	int importer = drm_open(VKMS), dmabuf = drm_export(&self->buf);
	__u32 handle, home;
	char *mem;

	ASSERT_LE(0, importer);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, drm_import(importer, dmabuf, &handle));
	ASSERT_EQ(0, drm_import(self->dev, dmabuf, &home));
	EXPECT_EQ(self->buf.handle, home);
	EXPECT_EQ(SIZE, lseek(dmabuf, 0, SEEK_END));
	EXPECT_EQ(self->free - 2, meminfo("HugePages_Free"));
	EXPECT_EQ(1, pwrite(self->fd, "p", 1, PMD));
	mem = mmap(NULL, SIZE, RW, MAP_SHARED, dmabuf, 0);
	ASSERT_NE(MAP_FAILED, mem);
	close(dmabuf);
	EXPECT_EQ('p', mem[PMD]);
	pattern_fill(mem, SIZE, 6);
	ASSERT_EQ(0, drm_free(&self->buf));
	close(self->fd);
	self->fd = -1;
	close(self->dev);
	EXPECT_EQ(0, pattern_check(mem, SIZE, 6));
	munmap(mem, SIZE);
	/* The importer has it yet */
	EXPECT_EQ(self->free - 2, meminfo("HugePages_Free"));
	ASSERT_EQ(0, drm_close_handle(importer, handle));
	EXPECT_TRUE(meminfo_settles("HugePages_Free", self->free, 0));
	close(importer);
	self->dev = drm_open(variant->kind.driver);
}

TEST_F(hugetlb, lives_as_long_as_its_mapping)
{
	char *mem = mmap(NULL, SIZE, RW, MAP_SHARED, self->fd, 0);
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 7);
	ASSERT_EQ(0, drm_free(&self->buf));
	close(self->fd);
	self->fd = -1;
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (pattern_check(mem, SIZE, 7))
			_exit(1);
		pattern_fill(mem, PMD, 8);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, pattern_check(mem, PMD, 8));
	EXPECT_EQ(self->free - 2, meminfo("HugePages_Free"));
	munmap(mem, SIZE);
	EXPECT_TRUE(meminfo_settles("HugePages_Free", self->free, 0));
}

/* Memory that cannot be had is refused when the buffer is made. */
TEST_F(hugetlb, larger_than_the_pool)
{
	long available = meminfo("HugePages_Free") - meminfo("HugePages_Rsvd");
	struct drm_buf buf;
	int i;

	for (i = 1; i < 4; i++)
		EXPECT_EQ(-ENOMEM, drm_dumb(self->dev, (available + i) * PMD,
					    &buf));
	EXPECT_TRUE(drm_objects_settle(self->objects + 1));
	EXPECT_EQ(available, meminfo("HugePages_Free") -
			     meminfo("HugePages_Rsvd"));
	/* The most that there is */
	ASSERT_EQ(0, drm_dumb(self->dev, available * PMD, &buf));
	EXPECT_EQ(0, meminfo("HugePages_Free") - meminfo("HugePages_Rsvd"));
	ASSERT_EQ(0, drm_free(&buf));
}

/* And what has been made has its pages, whatever others take. */
TEST_F(hugetlb, reserved_when_it_is_made)
{
	long available = meminfo("HugePages_Free") - meminfo("HugePages_Rsvd");
	char *others, *mem;

	EXPECT_EQ(self->free - self->reserved - 2, available);
	others = mmap(NULL, available * PMD, RW, MAP_PRIVATE | MAP_ANONYMOUS |
		      MAP_HUGETLB | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, others);
	faults_of(others, available * PMD);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PMD, RW, MAP_PRIVATE | MAP_ANONYMOUS |
				   MAP_HUGETLB, -1, 0));
	ASSERT_EQ(1, pwrite(self->fd, "r", 1, PMD));
	mem = mmap(NULL, SIZE, RW, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, write_signal(mem));
	EXPECT_EQ('r', mem[PMD]);
	munmap(mem, SIZE);
	mem = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ('r', mem[PMD]);
	munmap(mem, SIZE);
	munmap(others, available * PMD);
}

TEST_F(hugetlb, over_and_over)
{
	struct drm_buf buf;
	char *mem;
	int i, fd, err;

	for (i = 0; i < ROUNDS; i++) {
		err = drm_dumb(self->dev, PMD, &buf);
		/* virtio-gpu frees when the device says so, which may be slow */
		if (err == -ENOMEM && variant->pinned) {
			ASSERT_TRUE(drm_objects_settle(self->objects + 1));
			err = drm_dumb(self->dev, PMD, &buf);
		}
		ASSERT_EQ(0, err);
		fd = drm_view(&buf, variant->view, DRM_GEM_VIEW_RDWR);
		ASSERT_LE(0, fd);
		mem = mmap(NULL, PMD, RW, MAP_SHARED, fd, 0);
		ASSERT_NE(MAP_FAILED, mem);
		ASSERT_EQ(0, mem[i * PAGE % PMD]);
		mem[i * PAGE % PMD] = 1;
		munmap(mem, PMD);
		close(fd);
		ASSERT_EQ(0, drm_free(&buf));
	}
}

FIXTURE(folios)
{
	struct drm_buf buf;
	char policy[32];
	char param[8];
	int dev;
	int fd;
	long huge;
};

FIXTURE_VARIANT(folios)
{
	const char *param;
	const char *policy;
	bool large;
};

FIXTURE_VARIANT_ADD(folios, on)
{
	.param = "Y",
	.policy = "never",
	.large = true,
};

FIXTURE_VARIANT_ADD(folios, off)
{
	.param = "N",
	.policy = "never",
};

FIXTURE_VARIANT_ADD(folios, on_but_denied)
{
	.param = "Y",
	.policy = "deny",
};

FIXTURE_VARIANT_ADD(folios, off_but_forced)
{
	.param = "N",
	.policy = "force",
	.large = true,
};

static const struct drm_kind cached = { .driver = VGEM, .cached = true };

FIXTURE_SETUP(folios)
{
	self->dev = -1;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	if (access(SHMEM_ENABLED, F_OK))
		SKIP(return, "no huge pages for shmem in this kernel");
	if (variant->large && thp_size() != PMD)
		SKIP(return, "huge pages for shmem are not of 2 MiB");
	self->dev = drm_open(VGEM);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, drm_set_kind(&cached));
	ASSERT_EQ(0, choice_read(SHMEM_ENABLED, self->policy,
				 sizeof(self->policy)));
	ASSERT_EQ(0, read_file(LARGE_FOLIOS, self->param,
			       sizeof(self->param)));
	ASSERT_EQ(0, write_file(SHMEM_ENABLED, "%s", variant->policy));
	ASSERT_EQ(0, write_file(LARGE_FOLIOS, "%s", variant->param));
	self->huge = meminfo("ShmemHugePages");
	ASSERT_EQ(0, drm_dumb(self->dev, SIZE, &self->buf));
	self->fd = drm_view(&self->buf, BACKING, DRM_GEM_VIEW_RDWR);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(folios)
{
	if (self->dev < 0)
		return;
	close(self->fd);
	close(self->dev);
	write_file(SHMEM_ENABLED, "%s", self->policy);
	write_file(LARGE_FOLIOS, "%.1s", self->param);
	drm_reset_kind(&cached);
	EXPECT_TRUE(meminfo_settles("ShmemHugePages", self->huge, 0));
}

TEST_F(folios, by_faults_of_the_view)
{
	char *mem = mmap(NULL, SIZE, RW, MAP_SHARED, self->fd, 0);

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, SIZE);
	EXPECT_EQ(variant->large ? SIZE / 1024 : 0,
		  smaps_kb(mem, "ShmemPmdMapped"));
	EXPECT_EQ(variant->large ? SIZE / 1024 : 0,
		  meminfo("ShmemHugePages") - self->huge);
	munmap(mem, SIZE);
}

TEST_F(folios, by_writing)
{
	ASSERT_EQ(1, pwrite(self->fd, "x", 1, 0));
	ASSERT_EQ(1, pwrite(self->fd, "x", 1, SIZE - 1));
	EXPECT_EQ(variant->large ? SIZE / 1024 : 0,
		  meminfo("ShmemHugePages") - self->huge);
	EXPECT_EQ(variant->large ? SIZE : 2 * PAGE,
		  drm_fdinfo(self->fd, "resident"));
}

TEST_F(folios, by_the_drivers_pin)
{
	char *mem = drm_map(&self->buf, SIZE, RW);

	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(variant->large ? SIZE / 1024 : 0,
		  meminfo("ShmemHugePages") - self->huge);
	if (variant->large) {
		EXPECT_EQ(0, (unsigned long)mem % PMD);
		EXPECT_GE(drivers_faults(), faults_of(mem, SIZE));
	} else {
		EXPECT_LE(SIZE / PAGE, faults_of(mem, SIZE));
	}
	munmap(mem, SIZE);
}

/*
 * Until it is in swap only, and has to be read to come back. The same goes for
 * some of the program's own pages, which it reads and dirties again.
 */
static bool swapped_out(struct cgroup *cg, int fd)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (drm_fdinfo(fd, "swapped") == SIZE &&
		    cgroup_read(cg, "memory.stat", "swapcached") < SIZE / 16)
			return true;
		cgroup_reclaim(cg, 2 * SIZE);
	}
	return false;
}

/* A view of a new buffer that has gone to swap, with a copy of it in mem, or -1 */
static int swapped_buffer(int dev, char *mem, unsigned int seed,
			  struct drm_buf *buf, struct cgroup *cg)
{
	int fd;

	if (cgroup_enter(cg, "drm_huge") || drm_dumb(dev, SIZE, buf))
		return -1;
	fd = drm_view(buf, BACKING, DRM_GEM_VIEW_RDWR);
	pattern_fill(mem, SIZE, seed);
	if (fd < 0 || pwrite(fd, mem, SIZE, 0) != SIZE || !swapped_out(cg, fd))
		return -1;
	return fd;
}

/*
 * A pin gets what went out large in one piece, a fault a few pages. That is for
 * objects that are to have large folios, force or no force.
 */
TEST_F(folios, by_swapping_in)
{
	bool whole = variant->large && !strcmp(variant->param, "Y") && IS_64BIT;
	struct drm_buf buf;
	struct cgroup cg;
	char *mem, *driver;
	long in, huge;
	int fd;

	ASSERT_EQ(0, cgroup_enter(&cg, "drm_huge"));
	ASSERT_EQ(0, drm_dumb(self->dev, SIZE, &buf));
	fd = drm_view(&buf, BACKING, DRM_GEM_VIEW_RDWR);
	ASSERT_LE(0, fd);
	mem = mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 3);
	ASSERT_TRUE(swapped_out(&cg, fd));

	in = vmstat("pswpin");
	huge = meminfo("ShmemHugePages");
	driver = drm_map(&buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_EQ(whole ? SIZE / 1024 : 0, meminfo("ShmemHugePages") - huge);
	EXPECT_LT(SIZE / PAGE / 2, vmstat("pswpin") - in);
	EXPECT_EQ(0, drm_fdinfo(fd, "swapped"));
	EXPECT_EQ(0, pattern_check(driver, SIZE, 3));
	pattern_fill(driver, SIZE, 4);
	munmap(driver, SIZE);

	ASSERT_TRUE(swapped_out(&cg, fd));
	in = vmstat("pswpin");
	__atomic_load_n(mem + PMD / 2, __ATOMIC_RELAXED);
	EXPECT_GT(PMD / PAGE / 2, vmstat("pswpin") - in);
	/* And what is there by now does not keep the rest from coming */
	driver = drm_map(&buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_EQ(0, drm_fdinfo(fd, "swapped"));
	EXPECT_EQ(0, pattern_check(driver, SIZE, 4));
	munmap(driver, SIZE);
	munmap(mem, SIZE);
	close(fd);
	ASSERT_EQ(0, drm_free(&buf));
	cgroup_leave(&cg);
}

#define DEFRAG		"/sys/kernel/mm/transparent_hugepage/defrag"
#define NO_PAGES	"/sys/kernel/debug/fail_page_alloc/"

/* This process gets no folios from some order on, or none where it does not wait */
static bool no_folios(bool none, int order, bool waiting)
{
	return !write_file("/proc/self/make-it-fail", "%d", none) &&
	       !write_file(NO_PAGES "verbose", "0") &&
	       !write_file(NO_PAGES "task-filter", "Y") &&
	       !write_file(NO_PAGES "ignore-gfp-wait", waiting ? "N" : "Y") &&
	       !write_file(NO_PAGES "ignore-gfp-highmem", "N") &&
	       !write_file(NO_PAGES "min-order", "%d", order) &&
	       !write_file(NO_PAGES "times", "-1") &&
	       !write_file(NO_PAGES "probability", "%d", none ? 100 : 0);
}

static bool no_large_folios(bool none, bool waiting)
{
	return no_folios(none, 1, waiting);
}

static long jiffies(void)
{
	struct timespec tick, now;

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (now.tv_sec * 1000000000L + now.tv_nsec) / tick.tv_nsec;
}

#define TRIED	"/sys/kernel/mm/transparent_hugepage/hugepages-16kB/stats/shmem_fallback"

/* Allocate all of a buffer: a driver does, a write, or faults do */
static bool fill_by_driver(const struct drm_buf *buf, int fd)
{
	char *mem = drm_map(buf, SIZE, RW);

	if (mem == MAP_FAILED)
		return false;
	faults_of(mem, SIZE);
	munmap(mem, SIZE);
	return true;
}

static bool fill_by_write(const struct drm_buf *buf, int fd)
{
	char *zeros = calloc(1, SIZE);
	ssize_t ret = zeros ? pwrite(fd, zeros, SIZE, 0) : -1;

	free(zeros);
	return ret == SIZE;
}

static bool fill_by_faults(const struct drm_buf *buf, int fd)
{
	char *mem = mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);

	if (mem == MAP_FAILED)
		return false;
	faults_of(mem, SIZE);
	munmap(mem, SIZE);
	return true;
}

/*
 * Where there is no large folio, one is looked for about once a jiffy, and not
 * for each few pages; where there is one again, it is found.
 */
TEST_F(folios, scarce)
{
	static bool (*const fill[])(const struct drm_buf *buf, int fd) = {
		fill_by_driver, fill_by_write, fill_by_faults,
	};
	long huge, tried, began;
	struct drm_buf buf;
	unsigned int i;
	int fd;

	if (!variant->large || strcmp(variant->param, "Y"))
		SKIP(return, "no large folios");
	if (access(NO_PAGES, F_OK))
		SKIP(return, "no fail_page_alloc in this kernel");
	for (i = 0; i < ARRAY_SIZE(fill); i++) {
		huge = meminfo("ShmemHugePages");
		ASSERT_EQ(0, drm_dumb(self->dev, SIZE, &buf));
		fd = drm_view(&buf, BACKING, DRM_GEM_VIEW_RDWR);
		ASSERT_LE(0, fd);
		tried = read_long(TRIED);
		began = jiffies();
		ASSERT_TRUE(no_large_folios(true, true));
		EXPECT_TRUE(fill[i](&buf, fd));
		EXPECT_TRUE(no_large_folios(false, true));
		EXPECT_LE(read_long(TRIED) - tried, jiffies() - began + 1)
			TH_LOG("way %u", i);
		EXPECT_LT(tried, read_long(TRIED));
		EXPECT_EQ(huge, meminfo("ShmemHugePages"));

		usleep(20000);
		EXPECT_EQ(0, punch(fd, 0, SIZE));
		EXPECT_TRUE(fill[i](&buf, fd));
		EXPECT_EQ(SIZE / 1024, meminfo("ShmemHugePages") - huge)
			TH_LOG("way %u", i);
		close(fd);
		ASSERT_EQ(0, drm_free(&buf));
	}
}

/* What is large by the system's settings is looked for as ever, each time. */
TEST_F(folios, scarce_for_objects_only)
{
	char *zeros = calloc(1, SIZE), enabled[32];
	long tried;
	int fd;

	if (!variant->large || strcmp(variant->param, "Y"))
		SKIP(return, "no large folios");
	if (access(NO_PAGES, F_OK))
		SKIP(return, "no fail_page_alloc in this kernel");
	ASSERT_NE(NULL, zeros);
	ASSERT_EQ(0, choice_read(SHMEM_ENABLED, enabled, sizeof(enabled)));
	ASSERT_EQ(0, write_file(SHMEM_ENABLED, "always"));
	fd = memfd_create("scarce", 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, SIZE));
	tried = read_long(TRIED);
	ASSERT_TRUE(no_large_folios(true, true));
	EXPECT_EQ(SIZE, pwrite(fd, zeros, SIZE, 0));
	EXPECT_TRUE(no_large_folios(false, true));
	EXPECT_LE(SIZE / (4 * PAGE), read_long(TRIED) - tried);
	ASSERT_EQ(0, write_file(SHMEM_ENABLED, "%s", enabled));
	close(fd);
	free(zeros);
}

/* A hole in what is in swap in one piece: that has to be read, to be cut */
TEST_F(folios, punched_without_memory)
{
	char *buf = malloc(SIZE);
	const off_t pos = 5 * PAGE;
	struct drm_buf out;
	struct cgroup cg;
	int fd, tries, err;

	if (!variant->large || strcmp(variant->param, "Y"))
		SKIP(return, "no large folios");
	if (access(NO_PAGES, F_OK))
		SKIP(return, "no fail_page_alloc in this kernel");
	if (!IS_64BIT)
		SKIP(return, "none is swapped in one piece");
	ASSERT_NE(NULL, buf);
	fd = swapped_buffer(self->dev, buf, 8, &out, &cg);
	ASSERT_LE(0, fd);

	ASSERT_TRUE(no_folios(true, 0, true));
	err = ERRNO_OF(punch(fd, pos, PAGE));
	for (tries = 0; tries < 100 && !no_folios(false, 0, true); tries++)
		;
	EXPECT_EQ(ENOMEM, err);
	ASSERT_EQ(SIZE, pread(fd, buf, SIZE, 0));
	EXPECT_EQ(0, pattern_check(buf, SIZE, 8));
	EXPECT_EQ(0, punch(fd, pos, PAGE));
	ASSERT_EQ(PAGE, pread(fd, buf, PAGE, pos));
	EXPECT_EQ(0, buf[0]);
	EXPECT_EQ(0, memcmp(buf, buf + 1, PAGE - 1));

	close(fd);
	ASSERT_EQ(0, drm_free(&out));
	cgroup_leave(&cg);
	free(buf);
}

/* What went out large comes back large, though not at the first attempt */
TEST_F(folios, by_swapping_in_with_reclaim)
{
	char *buf = malloc(SIZE), *driver, defrag[32];
	struct drm_buf out;
	struct cgroup cg;
	long huge;
	int fd;

	if (!variant->large || strcmp(variant->param, "Y"))
		SKIP(return, "no large folios");
	if (access(NO_PAGES, F_OK))
		SKIP(return, "no fail_page_alloc in this kernel");
	ASSERT_NE(NULL, buf);
	ASSERT_EQ(0, choice_read(DEFRAG, defrag, sizeof(defrag)));
	ASSERT_EQ(0, write_file(DEFRAG, "always"));
	fd = swapped_buffer(self->dev, buf, 6, &out, &cg);
	ASSERT_LE(0, fd);

	huge = meminfo("ShmemHugePages");
	ASSERT_TRUE(no_large_folios(true, false));
	driver = drm_map(&out, SIZE, RW);
	EXPECT_TRUE(no_large_folios(false, false));
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_EQ(SIZE / 1024, meminfo("ShmemHugePages") - huge);
	EXPECT_EQ(0, pattern_check(driver, SIZE, 6));
	munmap(driver, SIZE);

	close(fd);
	ASSERT_EQ(0, drm_free(&out));
	cgroup_leave(&cg);
	ASSERT_EQ(0, write_file(DEFRAG, "%s", defrag));
	free(buf);
}

#define FAULTS	"/sys/kernel/debug/fail_make_request/"

/* How many reads and writes of the swap disk are to fail */
static bool disk_faults(int times)
{
	return !write_file("/sys/block/vda/make-it-fail", "%d", times != 0) &&
	       !write_file(FAULTS "verbose", "0") &&
	       !write_file(FAULTS "times", "%d", times) &&
	       !write_file(FAULTS "probability", "%d", times ? 100 : 0);
}

/* When a large folio cannot be read, its pages are, one by one. */
TEST_F(folios, by_swapping_in_from_a_bad_disk)
{
	char *buf = malloc(SIZE), *driver;
	struct drm_buf bad;
	struct cgroup cg;
	int fd;

	if (!variant->large || strcmp(variant->param, "Y"))
		SKIP(return, "no large folios");
	if (!IS_64BIT)
		SKIP(return, "none is swapped in one piece");
	ASSERT_NE(NULL, buf);
	fd = swapped_buffer(self->dev, buf, 5, &bad, &cg);
	ASSERT_LE(0, fd);
	/* The program's own pages are not to be read from that disk */
	ASSERT_EQ(0, mlockall(MCL_CURRENT));

	ASSERT_TRUE(disk_faults(1));
	driver = drm_map(&bad, SIZE, RW);
	EXPECT_TRUE(disk_faults(0));
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_EQ(0, pattern_check(driver, SIZE, 5));
	munmap(driver, SIZE);

	munlockall();
	close(fd);
	ASSERT_EQ(0, drm_free(&bad));
	cgroup_leave(&cg);
	free(buf);
}

/* What is asked for by hand is given, but not under the driver's feet. */
TEST_F(folios, by_collapse)
{
	bool denied = !strcmp(variant->policy, "deny");
	char *place, *mem, *driver;

	if (thp_size() != PMD)
		SKIP(return, "huge pages for shmem are not of 2 MiB");
	/* Small folios are mapped anywhere: find a place by hand */
	place = mmap(NULL, SIZE + PMD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	ASSERT_NE(MAP_FAILED, place);
	mem = place + PMD - (unsigned long)place % PMD;
	ASSERT_EQ(mem, mmap(mem, SIZE, RW, MAP_SHARED | MAP_FIXED, self->fd,
			    0));
	pattern_fill(mem, SIZE, 1);
	driver = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_EQ(0, pattern_check(driver, SIZE, 1));
	/* Nothing to do where they are large; denied, or busy */
	EXPECT_EQ(variant->large, !madvise(mem, SIZE, MADV_COLLAPSE));
	EXPECT_EQ(variant->large ? SIZE / 1024 : 0,
		  meminfo("ShmemHugePages") - self->huge);
	pattern_fill(driver, SIZE, 2);
	EXPECT_EQ(0, pattern_check(mem, SIZE, 2));
	munmap(driver, SIZE);

	EXPECT_EQ(denied ? EINVAL : 0,
		  ERRNO_OF(madvise(mem, SIZE, MADV_COLLAPSE)));
	EXPECT_EQ(denied ? 0 : SIZE / 1024,
		  meminfo("ShmemHugePages") - self->huge);
	EXPECT_EQ(0, pattern_check(mem, SIZE, 2));
	munmap(mem, SIZE);
	driver = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_EQ(0, pattern_check(driver, SIZE, 2));
	munmap(driver, SIZE);
}

TEST_HARNESS_MAIN
