// SPDX-License-Identifier: GPL-2.0
/*
 * What SysV shm gains by being made of anonymous objects, as the manual says.
 * A stock kernel has none of it. (See shm_faults and shm_stat for the rest.)
 */
#include "harness.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#define SIZE	(256 * PAGE)

FIXTURE(gains)
{
	int id;
	char *mem;
};

FIXTURE_SETUP(gains)
{
	self->id = -1;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": this is a stock kernel");
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	self->id = shmget(IPC_PRIVATE, SIZE, 0600);
	ASSERT_LE(0, self->id);
	self->mem = shmat(self->id, NULL, 0);
	ASSERT_NE(SHM_FAILED, self->mem);
}

FIXTURE_TEARDOWN(gains)
{
	if (self->id >= 0)
		shm_remove_all();
}

/* A missing page is filled by the one who waits for it. */
static int fill_missing(int uffd, void *page)
{
	struct uffdio_copy copy = { .src = (unsigned long)page, .len = PAGE };
	struct uffd_msg msg;

	if (read(uffd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		return 1;
	copy.dst = msg.arg.pagefault.address & ~(PAGE - 1);
	return ioctl(uffd, UFFDIO_COPY, &copy) ? 2 : 0;
}

TEST_F(gains, userfaultfd)
{
	struct uffdio_register reg = {
		.range = { .start = (unsigned long)self->mem, .len = SIZE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };
	char page[PAGE];
	int uffd, status;
	pid_t pid;

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &reg));
	memset(page, 'u', sizeof(page));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(fill_missing(uffd, page));
	EXPECT_EQ('u', self->mem[8 * PAGE]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(gains, size_is_sealed)
{
	char path[64];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)self->mem, (unsigned long)self->mem + SIZE);
	fd = open(path, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(EPERM, ERRNO_OF(ftruncate(fd, SIZE / 2)));
	EXPECT_EQ(EPERM, ERRNO_OF(ftruncate(fd, SIZE * 2)));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(SIZE, st.st_size);
}

TEST_F(gains, no_mapping_beyond_the_end)
{
	memset(self->mem, 1, SIZE);
	EXPECT_EQ(EINVAL, ERRNO_OF(remap_file_pages(self->mem, PAGE, 0,
						    SIZE / PAGE, 0)));
	/* The end itself can be had */
	EXPECT_EQ(0, remap_file_pages(self->mem + PAGE, PAGE, 0,
				      SIZE / PAGE - 1, 0));
}

/* Nobody opens a file for a segment that nobody has attached. */
TEST_F(gains, unattached_is_no_open_file)
{
	long before = read_long("/proc/sys/fs/file-nr");
	int i;

	ASSERT_LT(0, before);
	for (i = 0; i < 500; i++)
		ASSERT_LE(0, shmget(IPC_PRIVATE, PAGE, 0600));
	EXPECT_GT(before + 250, read_long("/proc/sys/fs/file-nr"));
}

TEST_HARNESS_MAIN
