// SPDX-License-Identifier: GPL-2.0
/*
 * userfaultfd on memfds and on views: who waits for a page sees it when another
 * has let it be seen, be it in memory or in swap, and who writes to a protected
 * one when another has let it.
 */
#include "harness.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#include "anon_object_device.h"

#define DEVICE	"/dev/anon_object_test"
#define RW	(PROT_READ | PROT_WRITE)
#define UNITS	4

#define MINOR	(UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_MINOR_HUGETLBFS)
#define WP	UFFD_FEATURE_WP_HUGETLBFS_SHMEM

FIXTURE(faults)
{
	size_t unit;
	size_t size;
	long pool;
	int dev;
	int fd;
	char *mem;		/* which is watched */
	char *beside;		/* the same, unwatched */
	int uffd;
};

FIXTURE_VARIANT(faults)
{
	bool huge;
	bool view;
};

FIXTURE_VARIANT_ADD(faults, memfd)
{
	.huge = false,
};

FIXTURE_VARIANT_ADD(faults, memfd_huge)
{
	.huge = true,
};

FIXTURE_VARIANT_ADD(faults, view)
{
	.view = true,
};

FIXTURE_VARIANT_ADD(faults, view_huge)
{
	.view = true,
	.huge = true,
};

static int make_view(int dev, size_t size, bool huge, int flags)
{
	struct anon_test_create create = { .size = size, .backend = huge };
	struct anon_test_view view = { .flags = flags };

	if (ioctl(dev, ANON_TEST_CREATE, &create))
		return -1;
	return ioctl(dev, ANON_TEST_VIEW, &view);
}

static bool device_get(void)
{
	if (!access(DEVICE, F_OK))
		return true;
	return system("modprobe anon_object_device 2>/dev/null") == 0 &&
	       !access(DEVICE, F_OK);
}

FIXTURE_SETUP(faults)
{
	self->pool = -1;
	self->dev = -1;
	self->uffd = -1;
	self->unit = variant->huge ? huge_page_size() : PAGE;
	if (!self->unit)
		SKIP(return, "no hugetlb in this kernel");
	self->size = UNITS * self->unit;
	if (variant->huge) {
		self->pool = huge_pool_get(UNITS);
		ASSERT_LE(0, self->pool);
	}
	if (variant->view) {
		if (!kernel_is_ported())
			SKIP(return, "no " ANON_OBJECTS ": a stock kernel");
		ASSERT_TRUE(device_get());
		self->dev = open(DEVICE, O_RDWR);
		ASSERT_LE(0, self->dev);
		self->fd = make_view(self->dev, self->size, variant->huge,
				     O_RDWR);
		ASSERT_LE(0, self->fd);
	} else {
		self->fd = memfd_create("faults",
					variant->huge ? MFD_HUGETLB : 0);
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, ftruncate(self->fd, self->size));
	}
	self->mem = mmap(NULL, self->size, RW, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->beside = mmap(NULL, self->size, RW, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->beside);
}

FIXTURE_TEARDOWN(faults)
{
	if (self->mem)
		munmap(self->mem, self->size);
	if (self->beside)
		munmap(self->beside, self->size);
	close(self->uffd);
	close(self->fd);
	close(self->dev);
	huge_pool_put(self->pool);
}

/* A userfaultfd that watches @mem; 0, 1 if the kernel cannot, or -errno */
static int watch(FIXTURE_DATA(faults) *self, __u64 mode, __u64 features)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)self->mem, self->size },
		.mode = mode,
	};
	struct uffdio_api api = { .api = UFFD_API, .features = features };

	self->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (self->uffd < 0)
		return -errno;
	if (ioctl(self->uffd, UFFDIO_API, &api))
		return errno == EINVAL ? 1 : -errno;
	return ioctl(self->uffd, UFFDIO_REGISTER, &reg) ? -errno : 0;
}

/* What a child does about the one fault that its parent is to have */
enum answer {
	CONTINUE,
	UNPROTECT,
	COPY,
};

static int answer_fault(FIXTURE_DATA(faults) *self, __u64 flags,
			enum answer answer)
{
	struct uffdio_writeprotect unprotect = { .mode = 0 };
	struct uffdio_continue cont = {};
	struct uffdio_copy copy = {};
	struct uffd_msg msg;
	__u64 at;

	if (read(self->uffd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		return 1;
	if ((msg.arg.pagefault.flags & (UFFD_PAGEFAULT_FLAG_MINOR |
					UFFD_PAGEFAULT_FLAG_WP)) != flags)
		return 2;
	at = msg.arg.pagefault.address & -(__u64)self->unit;
	switch (answer) {
	case CONTINUE:
		cont.range.start = at;
		cont.range.len = self->unit;
		return ioctl(self->uffd, UFFDIO_CONTINUE, &cont) ? 3 : 0;
	case UNPROTECT:
		unprotect.range.start = at;
		unprotect.range.len = self->unit;
		return ioctl(self->uffd, UFFDIO_WRITEPROTECT, &unprotect) ? 4 :
									  0;
	default:
		copy.dst = at;
		copy.src = (uintptr_t)self->beside;
		copy.len = self->unit;
		return ioctl(self->uffd, UFFDIO_COPY, &copy) ? 5 : 0;
	}
}

static pid_t answerer(FIXTURE_DATA(faults) *self, __u64 flags,
		      enum answer answer)
{
	pid_t pid = fork();

	if (!pid)
		_exit(answer_fault(self, flags, answer));
	return pid;
}

static int exit_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* All of it in swap, and none in memory that anybody maps */
static int to_swap(FIXTURE_DATA(faults) *self)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (madvise(self->beside, self->size, MADV_PAGEOUT))
			return -errno;
		if (!smaps_kb(self->beside, "Rss"))
			return 0;
	}
	return -ETIME;
}

TEST_F(faults, minor)
{
	size_t at = self->unit + 8;
	pid_t pid;
	int err;

	pattern_fill(self->beside, self->size, 1);
	err = watch(self, UFFDIO_REGISTER_MODE_MINOR, MINOR);
	if (err == 1)
		SKIP(return, "no minor faults in this kernel");
	ASSERT_EQ(0, err);
	pid = answerer(self, UFFD_PAGEFAULT_FLAG_MINOR, CONTINUE);
	ASSERT_LE(0, pid);
	EXPECT_EQ(self->beside[at], *(volatile char *)&self->mem[at]);
	EXPECT_EQ(0, exit_of(pid));
	self->mem[at] ^= 1;
	EXPECT_EQ(self->beside[at], self->mem[at]);
}

TEST_F(faults, minor_in_swap)
{
	size_t at = self->unit + 8;
	char was;
	pid_t pid;
	int err;

	if (variant->huge)
		SKIP(return, "huge pages are not swapped");
	if (meminfo("SwapTotal") <= 0)
		SKIP(return, "no swap space");
	stay_here();
	pattern_fill(self->beside, self->size, 1);
	was = self->beside[at];
	ASSERT_EQ(0, to_swap(self));
	err = watch(self, UFFDIO_REGISTER_MODE_MINOR, MINOR);
	if (err == 1)
		SKIP(return, "no minor faults in this kernel");
	ASSERT_EQ(0, err);
	pid = answerer(self, UFFD_PAGEFAULT_FLAG_MINOR, CONTINUE);
	ASSERT_LE(0, pid);
	EXPECT_EQ(was, *(volatile char *)&self->mem[at]);
	EXPECT_EQ(0, exit_of(pid));
	EXPECT_EQ(0, pattern_check(self->beside, self->size, 1));
}

/* What is missing is asked for, what is in swap is not missing. */
TEST_F(faults, missing)
{
	size_t at = 2 * self->unit + 8;
	pid_t pid;

	if (!variant->huge && !zram_on())
		SKIP(return, "no zram in this kernel");
	stay_here();
	pattern_fill(self->beside, self->unit, 1);
	if (!variant->huge)
		EXPECT_EQ(0, to_swap(self));
	ASSERT_EQ(0, watch(self, UFFDIO_REGISTER_MODE_MISSING, 0));
	EXPECT_EQ(0, pattern_check(self->mem, self->unit, 1));
	pid = answerer(self, 0, COPY);
	ASSERT_LE(0, pid);
	EXPECT_EQ(self->beside[8], *(volatile char *)&self->mem[at]);
	EXPECT_EQ(0, exit_of(pid));
	EXPECT_EQ(0, pattern_check(self->beside + 2 * self->unit, self->unit,
				   1));
	if (!variant->huge)
		zram_off();
}

static int protect(FIXTURE_DATA(faults) *self)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)self->mem, self->size },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	return ioctl(self->uffd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;
}

TEST_F(faults, write_protected)
{
	size_t at = self->unit + 8;
	pid_t pid;
	int err;

	pattern_fill(self->mem, self->size, 1);
	err = watch(self, UFFDIO_REGISTER_MODE_WP, WP);
	if (err == 1)
		SKIP(return, "no write-protection of shmem in this kernel");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, protect(self));
	EXPECT_EQ(0, pattern_check(self->mem, self->size, 1));
	pid = answerer(self, UFFD_PAGEFAULT_FLAG_WP, UNPROTECT);
	ASSERT_LE(0, pid);
	self->mem[at] ^= 1;
	EXPECT_EQ(0, exit_of(pid));
	EXPECT_EQ(1, pattern_check(self->beside, self->size, 1));
	/* No longer */
	self->mem[at] ^= 1;
	EXPECT_EQ(0, pattern_check(self->beside, self->size, 1));
}

/* It stays, while what is protected goes to swap and comes back. */
TEST_F(faults, write_protected_in_swap)
{
	size_t at = self->unit + 8;
	pid_t pid;
	int err;

	if (variant->huge)
		SKIP(return, "huge pages are not swapped");
	if (meminfo("SwapTotal") <= 0)
		SKIP(return, "no swap space");
	stay_here();
	pattern_fill(self->mem, self->size, 1);
	err = watch(self, UFFDIO_REGISTER_MODE_WP, WP);
	if (err == 1)
		SKIP(return, "no write-protection of shmem in this kernel");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, protect(self));
	ASSERT_EQ(0, to_swap(self));
	pid = answerer(self, UFFD_PAGEFAULT_FLAG_WP, UNPROTECT);
	ASSERT_LE(0, pid);
	self->mem[at] ^= 1;
	EXPECT_EQ(0, exit_of(pid));
	EXPECT_EQ(1, pattern_check(self->beside, self->size, 1));
}

/* Who may not write to a view may not have another write for them. */
TEST_F(faults, read_only)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range.len = self->size };
	struct anon_test_view view = { .flags = O_RDONLY };
	char *mem;
	int fd;

	if (!variant->view)
		SKIP(return, "only views are for reading only");
	fd = ioctl(self->dev, ANON_TEST_VIEW, &view);
	ASSERT_LE(0, fd);
	mem = mmap(NULL, self->size, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	self->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	ASSERT_LE(0, self->uffd);
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_API, &api));
	reg.range.start = (uintptr_t)mem;
	reg.mode = UFFDIO_REGISTER_MODE_MISSING;
	EXPECT_EQ(EPERM, ERRNO_OF(ioctl(self->uffd, UFFDIO_REGISTER, &reg)));
	EXPECT_EQ(0, mem[0]);
	munmap(mem, self->size);
	close(fd);
}

TEST_HARNESS_MAIN
