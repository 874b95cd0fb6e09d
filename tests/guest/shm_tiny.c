// SPDX-License-Identifier: GPL-2.0
/*
 * SysV shm on a kernel without SHMEM and HUGETLBFS, where ramfs is behind it:
 * it works, with the errors that it always had there.
 *
 * On other kernels this has nothing to test.
 */
#include "harness.h"

#define SIZE	(64 * 1024)

FIXTURE(tiny)
{
	int id;
	char *mem;
};

static bool has_swap_backing(void)
{
	struct stat st;

	return !stat("/proc/sys/vm/nr_hugepages", &st) ||
	       !stat("/proc/swaps", &st);
}

FIXTURE_SETUP(tiny)
{
	self->id = -1;
	if (has_swap_backing())
		SKIP(return, "this kernel has swap or huge pages");
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	self->id = shmget(IPC_PRIVATE, SIZE, 0600);
	ASSERT_LE(0, self->id);
	self->mem = shmat(self->id, NULL, 0);
	ASSERT_NE(SHM_FAILED, self->mem);
}

FIXTURE_TEARDOWN(tiny)
{
	if (self->id >= 0)
		shmctl(self->id, IPC_RMID, NULL);
}

TEST_F(tiny, shared_by_fork_and_attach)
{
	char *again;
	int status;
	pid_t pid;

	pattern_fill(self->mem, SIZE, 1);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (pattern_check(self->mem, SIZE, 1))
			_exit(1);
		pattern_fill(self->mem, SIZE, 2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	again = shmat(self->id, NULL, SHM_RDONLY);
	ASSERT_NE(SHM_FAILED, again);
	EXPECT_EQ(0, pattern_check(again, SIZE, 2));
	EXPECT_EQ(2, shm_nattch(self->id));
	EXPECT_EQ(0, shmdt(again));
	EXPECT_EQ(0, shmdt(self->mem));
	EXPECT_EQ(0, shm_nattch(self->id));
}

TEST_F(tiny, huge_pages_do_not_exist)
{
	EXPECT_EQ(EINVAL, ERRNO_OF(shmget(IPC_PRIVATE, SIZE,
					  0600 | SHM_HUGETLB)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmget(IPC_PRIVATE, SIZE, 0600 |
					  SHM_HUGETLB |
					  21 << SHM_HUGE_SHIFT)));
}

TEST_F(tiny, lock_is_a_flag)
{
	struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };
	struct shmid_ds ds;

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_EQ(0, shmctl(self->id, SHM_LOCK, NULL));
	ASSERT_EQ(0, shmctl(self->id, IPC_STAT, &ds));
	EXPECT_EQ(SHM_LOCKED, ds.shm_perm.mode & SHM_LOCKED);
	EXPECT_EQ(0, shmctl(self->id, SHM_UNLOCK, NULL));
	ASSERT_EQ(0, shmctl(self->id, IPC_STAT, &ds));
	EXPECT_EQ(0, ds.shm_perm.mode & SHM_LOCKED);
}

TEST_F(tiny, proc_shows_what_is_resident)
{
	struct sysvipc row;

	pattern_fill(self->mem, SIZE / 2, 3);
	ASSERT_EQ(0, sysvipc_read(self->id, &row));
	EXPECT_EQ(SIZE, row.size);
	EXPECT_EQ(SIZE / 2, row.rss);
	EXPECT_EQ(0, row.swap);
}

TEST_F(tiny, removed_with_the_last_attach)
{
	struct sysvipc row;

	EXPECT_EQ(0, shmctl(self->id, IPC_RMID, NULL));
	self->mem[0] = 1;
	EXPECT_EQ(0, sysvipc_read(self->id, &row));
	EXPECT_EQ(0, shmdt(self->mem));
	EXPECT_EQ(-ENOENT, sysvipc_read(self->id, &row));
	self->id = -1;
}

TEST_HARNESS_MAIN
