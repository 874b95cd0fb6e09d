// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel says of segments: shmctl()'s commands and
 * /proc/sysvipc/shm, against segments of known sizes in an IPC namespace
 * where nobody else creates any.
 */
#include "harness.h"

#define KEY	0x5e6a0002
#define PAGES	64

FIXTURE(stat)
{
	size_t page;
	size_t size;
	struct cgroup cg;
};

FIXTURE_SETUP(stat)
{
	self->page = sysconf(_SC_PAGESIZE);
	self->size = PAGES * self->page;
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
}

FIXTURE_TEARDOWN(stat)
{
	shm_remove_all();
	cgroup_leave(&self->cg);
}

static char *attach_new(size_t size, int flags, int *id)
{
	*id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600 | flags);
	if (*id < 0)
		return SHM_FAILED;
	return shmat(*id, NULL, 0);
}

TEST_F(stat, ipc_stat)
{
	struct shmid_ds ds;
	time_t before = time(NULL);
	char *mem;
	int id;

	id = shmget(KEY, self->size - 100, IPC_CREAT | 0640);
	ASSERT_LE(0, id);
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(KEY, ds.shm_perm.__key);
	EXPECT_EQ(0640, ds.shm_perm.mode);
	EXPECT_EQ(geteuid(), ds.shm_perm.uid);
	EXPECT_EQ(getegid(), ds.shm_perm.cgid);
	EXPECT_EQ(self->size - 100, ds.shm_segsz);
	EXPECT_EQ(getpid(), ds.shm_cpid);
	EXPECT_EQ(0, ds.shm_lpid);
	EXPECT_EQ(0, ds.shm_nattch);
	EXPECT_EQ(0, ds.shm_atime);
	EXPECT_EQ(0, ds.shm_dtime);
	EXPECT_LE(before, ds.shm_ctime);

	mem = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, mem);
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(getpid(), ds.shm_lpid);
	EXPECT_EQ(1, ds.shm_nattch);
	EXPECT_LE(before, ds.shm_atime);
	EXPECT_EQ(0, ds.shm_dtime);

	ASSERT_EQ(0, shmdt(mem));
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(0, ds.shm_nattch);
	EXPECT_LE(before, ds.shm_dtime);

	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(id + 1, IPC_STAT, &ds)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(-1, IPC_STAT, &ds)));
	EXPECT_EQ(EFAULT, ERRNO_OF(syscall(SYS_shmctl, id, IPC_STAT, 8)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(id, 999, &ds)));
}

/* Not by the C library, which may look at what it is given. */
#define SHMCTL(id, cmd, at)	ERRNO_OF(syscall(SYS_shmctl, id, cmd, at))

TEST_F(stat, bad_pointers)
{
	static const int commands[] = {
		IPC_INFO, SHM_INFO, SHM_STAT, SHM_STAT_ANY, IPC_STAT, IPC_SET,
	};
	struct shmid_ds ds;
	unsigned int i;
	int id;

	/* The first one's index is 0, and so is its id */
	id = shmget(KEY, self->size, IPC_CREAT | 0640);
	ASSERT_EQ(0, id);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		EXPECT_EQ(EFAULT, SHMCTL(id, commands[i], 8))
			TH_LOG("command %d", commands[i]);
	}
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(0640, ds.shm_perm.mode);
}

TEST_F(stat, bad_numbers)
{
	static const int commands[] = {
		SHM_STAT, SHM_STAT_ANY, IPC_STAT, IPC_SET, IPC_RMID, SHM_LOCK,
		SHM_UNLOCK,
	};
	struct shmid_ds ds = {};
	unsigned int i;
	int id;

	id = shmget(KEY, self->size, IPC_CREAT | 0640);
	ASSERT_LE(0, id);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(-1, commands[i], &ds)))
			TH_LOG("command %d", commands[i]);
		EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(id + 1, commands[i], &ds)))
			TH_LOG("command %d", commands[i]);
	}
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(id, -1, &ds)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(id, 999, &ds)));

	/* No such user; what is there stays */
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	ds.shm_perm.mode = 0600;
	ds.shm_perm.uid = -1;
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(id, IPC_SET, &ds)));
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(0640, ds.shm_perm.mode);
	EXPECT_EQ(geteuid(), ds.shm_perm.uid);
	EXPECT_EQ(1, sysvipc_count());
}

static int attach_detach(void *arg)
{
	char *mem = shmat(*(int *)arg, NULL, 0);

	return mem == SHM_FAILED || shmdt(mem);
}

TEST_F(stat, last_pid_is_the_attacher)
{
	struct shmid_ds ds;
	int id, status;
	pid_t pid;

	id = shmget(KEY, self->size, IPC_CREAT | 0600);
	ASSERT_LE(0, id);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(attach_detach(&id));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(getpid(), ds.shm_cpid);
	/* The process is gone, its number is still told. */
	EXPECT_EQ(pid, ds.shm_lpid);
}

TEST_F(stat, ipc_info)
{
	struct shminfo info;
	int id;

	EXPECT_EQ(0, shmctl(0, IPC_INFO, (void *)&info));
	EXPECT_EQ(read_long("/proc/sys/kernel/shmmni"), info.shmmni);
	EXPECT_EQ(1, info.shmmin);
	id = shmget(KEY, self->size, IPC_CREAT | 0600);
	EXPECT_EQ(0, shmctl(0, IPC_INFO, (void *)&info));
	shmget(IPC_PRIVATE, self->size, IPC_CREAT | 0600);
	/* The highest index in use. */
	EXPECT_EQ(1, shmctl(0, IPC_INFO, (void *)&info));
	ASSERT_EQ(0, write_file("/proc/sys/kernel/shmmax", "%d", 123456789));
	ASSERT_EQ(0, write_file("/proc/sys/kernel/shmall", "%d", 54321));
	EXPECT_LE(0, shmctl(0, IPC_INFO, (void *)&info));
	EXPECT_EQ(123456789, info.shmmax);
	EXPECT_EQ(54321, info.shmall);
	EXPECT_EQ(0, shmctl(id, IPC_RMID, NULL));
}

TEST_F(stat, shm_info)
{
	struct shm_info info;
	char *mem, *half;
	int id, other;

	ASSERT_LE(0, shmctl(0, SHM_INFO, (void *)&info));
	EXPECT_EQ(0, info.used_ids);
	EXPECT_EQ(0, info.shm_tot);
	EXPECT_EQ(0, info.shm_rss);

	mem = attach_new(self->size, 0, &id);
	ASSERT_NE(SHM_FAILED, mem);
	half = attach_new(self->size - 1, 0, &other);
	ASSERT_NE(SHM_FAILED, half);
	ASSERT_EQ(1, shmctl(0, SHM_INFO, (void *)&info));
	EXPECT_EQ(2, info.used_ids);
	EXPECT_EQ(2 * PAGES, info.shm_tot);
	EXPECT_EQ(0, info.shm_rss);
	EXPECT_EQ(0, info.shm_swp);

	pattern_fill(mem, self->size, 1);
	pattern_fill(half, self->size / 2, 2);
	ASSERT_EQ(1, shmctl(0, SHM_INFO, (void *)&info));
	EXPECT_EQ(PAGES + PAGES / 2, info.shm_rss);
	EXPECT_EQ(0, info.shm_swp);

	ASSERT_EQ(0, shmdt(half));
	ASSERT_EQ(0, shmctl(other, IPC_RMID, NULL));
	ASSERT_EQ(0, shmctl(0, SHM_INFO, (void *)&info));
	EXPECT_EQ(1, info.used_ids);
	EXPECT_EQ(PAGES, info.shm_tot);
	EXPECT_EQ(PAGES, info.shm_rss);
}

TEST_F(stat, shm_info_counts_swap)
{
	struct shm_info info;
	char *mem;
	int id;

	if (meminfo("SwapTotal") <= 0)
		SKIP(return, "no swap space");
	mem = attach_new(self->size, 0, &id);
	ASSERT_NE(SHM_FAILED, mem);
	pattern_fill(mem, self->size, 1);
	ASSERT_EQ(0, madvise(mem, self->size, MADV_PAGEOUT));
	ASSERT_EQ(0, shmctl(0, SHM_INFO, (void *)&info));
	EXPECT_LT(0, info.shm_swp);
	EXPECT_EQ(PAGES, info.shm_rss + info.shm_swp);
	EXPECT_EQ(PAGES, info.shm_tot);
	EXPECT_EQ(0, pattern_check(mem, self->size, 1));
	ASSERT_EQ(0, shmctl(0, SHM_INFO, (void *)&info));
	EXPECT_EQ(0, info.shm_swp);
	EXPECT_EQ(PAGES, info.shm_rss);
}

TEST_F(stat, shm_stat)
{
	struct shmid_ds ds;
	int id, other;

	id = shmget(KEY, self->size, IPC_CREAT | 0600);
	other = shmget(IPC_PRIVATE, self->page, IPC_CREAT | 0600);
	ASSERT_LE(0, id);
	ASSERT_LE(0, other);
	EXPECT_EQ(id, shmctl(0, SHM_STAT, &ds));
	EXPECT_EQ(self->size, ds.shm_segsz);
	EXPECT_EQ(other, shmctl(1, SHM_STAT, &ds));
	EXPECT_EQ(self->page, ds.shm_segsz);
	EXPECT_EQ(id, shmctl(0, SHM_STAT_ANY, &ds));
	EXPECT_EQ(self->size, ds.shm_segsz);
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(2, SHM_STAT, &ds)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(2, SHM_STAT_ANY, &ds)));
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(0, SHM_STAT, &ds)));
}

static int stat_without_right(void *arg)
{
	struct shmid_ds ds;

	if (setresgid(1001, 1001, 1001) || setresuid(1001, 1001, 1001))
		return 100;
	if (ERRNO_OF(shmctl(0, SHM_STAT, &ds)) != EACCES)
		return 1;
	if (ERRNO_OF(shmctl(*(int *)arg, IPC_STAT, &ds)) != EACCES)
		return 2;
	if (shmctl(0, SHM_STAT_ANY, &ds) != *(int *)arg)
		return 3;
	return 0;
}

TEST_F(stat, shm_stat_any_needs_no_right)
{
	int id = shmget(KEY, self->size, IPC_CREAT | 0600);

	ASSERT_LE(0, id);
	EXPECT_EQ(0, in_child(stat_without_right, &id));
}

TEST_F(stat, proc_sysvipc)
{
	struct sysvipc row;
	time_t before = time(NULL);
	char *mem;
	int id;

	id = shmget(KEY, self->size - 5, IPC_CREAT | 0640);
	ASSERT_LE(0, id);
	ASSERT_EQ(0, sysvipc_read(id, &row));
	EXPECT_EQ(KEY, row.key);
	EXPECT_EQ(0640, row.perms);
	EXPECT_EQ(self->size - 5, row.size);
	EXPECT_EQ(getpid(), row.cpid);
	EXPECT_EQ(0, row.lpid);
	EXPECT_EQ(0, row.nattch);
	EXPECT_EQ(0, row.uid + row.gid + row.cuid + row.cgid);
	EXPECT_EQ(0, row.atime);
	EXPECT_LE(before, row.ctime);
	EXPECT_EQ(0, row.rss);
	EXPECT_EQ(0, row.swap);

	mem = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, mem);
	mem[0] = 1;
	mem[10 * self->page] = 1;
	mem[PAGES / 2 * self->page] = 1;
	ASSERT_EQ(0, sysvipc_read(id, &row));
	EXPECT_EQ(1, row.nattch);
	EXPECT_EQ(getpid(), row.lpid);
	EXPECT_LE(before, row.atime);
	EXPECT_EQ(3 * self->page, row.rss);
	/* A read of a hole fills it: it is shared memory. */
	EXPECT_EQ(0, mem[20 * self->page]);
	ASSERT_EQ(0, sysvipc_read(id, &row));
	EXPECT_EQ(4 * self->page, row.rss);

	pattern_fill(mem, self->size, 3);
	ASSERT_EQ(0, sysvipc_read(id, &row));
	EXPECT_EQ(self->size, row.rss);
	EXPECT_EQ(1, sysvipc_count());
	ASSERT_EQ(-ENOENT, sysvipc_read(id + 1, &row));
}

/* Pages are either here or in swap: the two columns always sum up. */
TEST_F(stat, proc_sysvipc_swap)
{
	struct sysvipc row;
	char *mem;
	int id;

	if (meminfo("SwapTotal") <= 0)
		SKIP(return, "no swap space");
	ASSERT_EQ(0, cgroup_enter(&self->cg, "shm_stat"));
	mem = attach_new(self->size, 0, &id);
	ASSERT_NE(SHM_FAILED, mem);
	pattern_fill(mem, self->size, 4);

	ASSERT_EQ(0, madvise(mem, self->size / 2, MADV_PAGEOUT));
	ASSERT_EQ(0, sysvipc_read(id, &row));
	EXPECT_LT(0, row.swap);
	EXPECT_GE(self->size / 2, row.swap);
	EXPECT_EQ(self->size, row.rss + row.swap);

	cgroup_reclaim(&self->cg, 4 * self->size);
	ASSERT_EQ(0, sysvipc_read(id, &row));
	EXPECT_LT(self->size / 2, row.swap);
	EXPECT_EQ(self->size, row.rss + row.swap);

	/* Swapped pages that are removed leave the swap column. */
	ASSERT_EQ(0, madvise(mem, self->size / 2, MADV_REMOVE));
	ASSERT_EQ(0, sysvipc_read(id, &row));
	EXPECT_EQ(self->size / 2, row.rss + row.swap);
	memset(mem, 0, self->size / 2);
	pattern_fill(mem, self->size / 2, 4);
	EXPECT_EQ(0, pattern_check(mem, self->size, 4));
	ASSERT_EQ(0, sysvipc_read(id, &row));
	EXPECT_EQ(self->size, row.rss);
	EXPECT_EQ(0, row.swap);
}

FIXTURE(huge_stat)
{
	size_t unit;
	long pool;
	char *mem;
	int id;
};

FIXTURE_SETUP(huge_stat)
{
	self->pool = -1;
	self->unit = huge_page_size();
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	if (!self->unit)
		SKIP(return, "no hugetlb in this kernel");
	self->pool = huge_pool_get(4);
	ASSERT_LE(0, self->pool);
	self->mem = attach_new(4 * self->unit, SHM_HUGETLB, &self->id);
	ASSERT_NE(SHM_FAILED, self->mem);
}

FIXTURE_TEARDOWN(huge_stat)
{
	shm_remove_all();
	huge_pool_put(self->pool);
}

/*
 * Stock multiplies a count of small pages by the small pages in a huge one:
 * its rss of huge pages is 512 times too large.
 */
static bool rss_is(unsigned long rss, size_t bytes, size_t unit)
{
	if (rss == bytes)
		return true;
	return !kernel_is_ported() &&
	       rss == bytes * (unit / sysconf(_SC_PAGESIZE));
}

TEST_F(huge_stat, rss)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct shm_info info;
	struct sysvipc row;

	ASSERT_EQ(0, sysvipc_read(self->id, &row));
	EXPECT_EQ(4 * self->unit, row.size);
	EXPECT_EQ(0, row.rss);
	EXPECT_EQ(0, row.swap);
	self->mem[0] = 1;
	self->mem[2 * self->unit] = 1;
	ASSERT_EQ(0, sysvipc_read(self->id, &row));
	EXPECT_TRUE(rss_is(row.rss, 2 * self->unit, self->unit))
		TH_LOG("rss is %lu", row.rss);
	EXPECT_EQ(0, row.swap);
	ASSERT_LE(0, shmctl(0, SHM_INFO, (void *)&info));
	EXPECT_TRUE(rss_is(info.shm_rss * page, 2 * self->unit, self->unit))
		TH_LOG("shm_rss is %lu pages", info.shm_rss);
	EXPECT_EQ(4 * self->unit / page, info.shm_tot);
}

/* Only what the ported kernel promises. */
TEST_F(huge_stat, ported_rss_is_exact)
{
	struct sysvipc row;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel");
	self->mem[0] = 1;
	ASSERT_EQ(0, sysvipc_read(self->id, &row));
	EXPECT_EQ(self->unit, row.rss);
}

TEST_HARNESS_MAIN
