// SPDX-License-Identifier: GPL-2.0
/*
 * Limits on segments, and what is reserved for them: no failure, and no
 * removal, leaves a page, a reservation or a commitment behind.
 */
#include "harness.h"

#define OVERCOMMIT	"/proc/sys/vm/overcommit_memory"
/* Other processes of the guest come and go by this much, in kB. */
#define NOISE		4096
#define LOOPS		50

FIXTURE(limits)
{
	size_t page;
	long overcommit;
};

FIXTURE_SETUP(limits)
{
	self->page = sysconf(_SC_PAGESIZE);
	self->overcommit = read_long(OVERCOMMIT);
	ASSERT_LE(0, self->overcommit);
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
}

FIXTURE_TEARDOWN(limits)
{
	shm_remove_all();
	write_file(OVERCOMMIT, "%ld", self->overcommit);
}

static int get_new(size_t size, int flags)
{
	return shmget(IPC_PRIVATE, size, IPC_CREAT | 0600 | flags);
}

static unsigned long total_pages(void)
{
	struct shm_info info;

	if (shmctl(0, SHM_INFO, (void *)&info) < 0)
		return -1;
	return info.shm_tot;
}

TEST_F(limits, shmmni)
{
	int ids[3], i;

	ASSERT_EQ(0, write_file("/proc/sys/kernel/shmmni", "3"));
	for (i = 0; i < 3; i++) {
		ids[i] = get_new(self->page, 0);
		ASSERT_LE(0, ids[i]);
	}
	EXPECT_EQ(ENOSPC, ERRNO_OF(get_new(self->page, 0)));
	EXPECT_EQ(3, total_pages());
	ASSERT_EQ(0, shmctl(ids[1], IPC_RMID, NULL));
	EXPECT_LE(0, get_new(self->page, 0));
	EXPECT_EQ(ENOSPC, ERRNO_OF(get_new(self->page, 0)));
}

TEST_F(limits, shmall)
{
	int id;

	ASSERT_EQ(0, write_file("/proc/sys/kernel/shmall", "10"));
	id = get_new(8 * self->page, 0);
	ASSERT_LE(0, id);
	EXPECT_EQ(ENOSPC, ERRNO_OF(get_new(3 * self->page, 0)));
	EXPECT_EQ(ENOSPC, ERRNO_OF(get_new(2 * self->page + 1, 0)));
	EXPECT_EQ(8, total_pages());
	EXPECT_LE(0, get_new(2 * self->page, 0));
	EXPECT_EQ(10, total_pages());
	EXPECT_EQ(ENOSPC, ERRNO_OF(get_new(1, 0)));
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_EQ(2, total_pages());
	EXPECT_LE(0, get_new(8 * self->page, 0));
}

TEST_F(limits, shmmax)
{
	ASSERT_EQ(0, write_file("/proc/sys/kernel/shmmax", "%zu",
				2 * self->page));
	EXPECT_EQ(EINVAL, ERRNO_OF(get_new(2 * self->page + 1, 0)));
	EXPECT_LE(0, get_new(2 * self->page, 0));
	/* Huge pages are measured by what was asked for. */
	if (huge_page_size())
		EXPECT_EQ(EINVAL, ERRNO_OF(get_new(huge_page_size(),
						   SHM_HUGETLB)));
}

/* More than there are pages for, wherever the limits are */
TEST_F(limits, beyond_the_last_page)
{
	ASSERT_EQ(0, write_file("/proc/sys/kernel/shmmax", "%zu", SIZE_MAX));
	ASSERT_EQ(0, write_file("/proc/sys/kernel/shmall", "%zu", SIZE_MAX));
	EXPECT_EQ(ENOSPC, ERRNO_OF(shmget(IPC_PRIVATE, SIZE_MAX,
					  IPC_CREAT | 0600)));
	EXPECT_EQ(0, sysvipc_count());
}

TEST_F(limits, commits_at_creation)
{
	const size_t size = 128 * MIB;
	long before = meminfo("Committed_AS");
	int id;

	ASSERT_EQ(0, write_file(OVERCOMMIT, "0"));
	id = get_new(size, 0);
	ASSERT_LE(0, id);
	EXPECT_TRUE(meminfo_settles("Committed_AS", before + size / 1024,
				    NOISE));
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_TRUE(meminfo_settles("Committed_AS", before, NOISE));
}

TEST_F(limits, noreserve)
{
	const size_t size = 128 * MIB;
	long before = meminfo("Committed_AS");
	char *mem;
	int id;

	ASSERT_EQ(0, write_file(OVERCOMMIT, "0"));
	id = get_new(size, SHM_NORESERVE);
	ASSERT_LE(0, id);
	EXPECT_TRUE(meminfo_settles("Committed_AS", before, NOISE));
	/* Then it is accounted page by page. */
	mem = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, mem);
	memset(mem, 1, 16 * MIB);
	EXPECT_TRUE(meminfo_settles("Committed_AS", before + 16 * 1024, NOISE));
	ASSERT_EQ(0, shmdt(mem));
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_TRUE(meminfo_settles("Committed_AS", before, NOISE));
}

TEST_F(limits, noreserve_is_ignored_without_overcommit)
{
	const size_t size = 128 * MIB;
	long before = meminfo("Committed_AS");
	int id;

	ASSERT_EQ(0, write_file(OVERCOMMIT, "2"));
	id = get_new(size, SHM_NORESERVE);
	ASSERT_LE(0, id);
	EXPECT_TRUE(meminfo_settles("Committed_AS", before + size / 1024,
				    NOISE));
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_TRUE(meminfo_settles("Committed_AS", before, NOISE));
}

TEST_F(limits, beyond_commit_limit)
{
	size_t size = (meminfo("CommitLimit") + 1024) * 1024;
	long before = meminfo("Committed_AS");
	int i;

	ASSERT_EQ(0, write_file(OVERCOMMIT, "2"));
	for (i = 0; i < LOOPS; i++) {
		EXPECT_EQ(ENOMEM, ERRNO_OF(get_new(size, 0)));
		EXPECT_EQ(ENOMEM, ERRNO_OF(get_new(size, SHM_NORESERVE)));
	}
	EXPECT_TRUE(meminfo_settles("Committed_AS", before, NOISE));
	EXPECT_EQ(0, sysvipc_count());
	EXPECT_EQ(0, total_pages());
}

/* The last step of creation fails: all that came before is undone. */
TEST_F(limits, no_id_left)
{
	const size_t size = 64 * MIB;
	long before;
	int i;

	ASSERT_EQ(0, write_file(OVERCOMMIT, "0"));
	ASSERT_EQ(0, write_file("/proc/sys/kernel/shmmni", "1"));
	ASSERT_LE(0, get_new(self->page, 0));
	before = meminfo("Committed_AS");
	for (i = 0; i < LOOPS; i++)
		EXPECT_EQ(ENOSPC, ERRNO_OF(get_new(size, 0)));
	EXPECT_TRUE(meminfo_settles("Committed_AS", before, NOISE));
	EXPECT_EQ(1, total_pages());
}

#define POOL	4

FIXTURE(huge_limits)
{
	size_t unit;
	long pool;
	long reserved;
	long free;
};

FIXTURE_SETUP(huge_limits)
{
	self->pool = -1;
	self->unit = huge_page_size();
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	if (!self->unit)
		SKIP(return, "no hugetlb in this kernel");
	/* Exactly POOL pages, none in use. */
	self->pool = read_long(NR_HUGEPAGES);
	ASSERT_EQ(0, write_file(NR_HUGEPAGES, "0"));
	ASSERT_TRUE(meminfo_settles("HugePages_Total", 0, 0));
	ASSERT_EQ(0, write_file(NR_HUGEPAGES, "%d", POOL));
	ASSERT_EQ(POOL, meminfo("HugePages_Free"));
	self->reserved = meminfo("HugePages_Rsvd");
	ASSERT_EQ(0, self->reserved);
}

FIXTURE_TEARDOWN(huge_limits)
{
	shm_remove_all();
	huge_pool_put(self->pool);
}

TEST_F(huge_limits, reserves_at_creation)
{
	char *mem;
	int id;

	id = get_new(POOL * self->unit, SHM_HUGETLB);
	ASSERT_LE(0, id);
	EXPECT_EQ(POOL, meminfo("HugePages_Rsvd"));
	EXPECT_EQ(POOL, meminfo("HugePages_Free"));
	EXPECT_EQ(ENOMEM, ERRNO_OF(get_new(1, SHM_HUGETLB)));
	EXPECT_EQ(POOL, meminfo("HugePages_Rsvd"));

	mem = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, mem);
	mem[0] = 1;
	EXPECT_EQ(POOL - 1, meminfo("HugePages_Rsvd"));
	EXPECT_EQ(POOL - 1, meminfo("HugePages_Free"));
	mem[(POOL - 1) * self->unit] = 1;
	EXPECT_EQ(POOL - 2, meminfo("HugePages_Rsvd"));

	ASSERT_EQ(0, shmdt(mem));
	EXPECT_EQ(POOL - 2, meminfo("HugePages_Rsvd"));
	EXPECT_EQ(POOL - 2, meminfo("HugePages_Free"));
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_EQ(0, meminfo("HugePages_Rsvd"));
	EXPECT_EQ(POOL, meminfo("HugePages_Free"));
}

TEST_F(huge_limits, size_rounds_up_to_pages)
{
	int id = get_new(self->unit + 1, SHM_HUGETLB);

	ASSERT_LE(0, id);
	EXPECT_EQ(2, meminfo("HugePages_Rsvd"));
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_EQ(0, meminfo("HugePages_Rsvd"));
}

TEST_F(huge_limits, pool_empty)
{
	int i;

	for (i = 0; i < LOOPS; i++)
		EXPECT_EQ(ENOMEM, ERRNO_OF(get_new((POOL + 1) * self->unit,
						   SHM_HUGETLB)));
	EXPECT_EQ(0, meminfo("HugePages_Rsvd"));
	EXPECT_EQ(POOL, meminfo("HugePages_Free"));
	EXPECT_EQ(0, sysvipc_count());
	EXPECT_EQ(0, total_pages());
}

TEST_F(huge_limits, noreserve)
{
	char *mem;
	int id;

	id = get_new((POOL + 1) * self->unit, SHM_HUGETLB | SHM_NORESERVE);
	ASSERT_LE(0, id);
	EXPECT_EQ(0, meminfo("HugePages_Rsvd"));
	mem = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, mem);
	memset(mem, 1, POOL * self->unit);
	EXPECT_EQ(0, meminfo("HugePages_Free"));
	EXPECT_EQ(SIGBUS, write_signal(mem + POOL * self->unit));
	ASSERT_EQ(0, shmdt(mem));
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_EQ(POOL, meminfo("HugePages_Free"));
}

/* No id is left: the reservation that was made goes back. */
TEST_F(huge_limits, no_id_left)
{
	int i;

	ASSERT_EQ(0, write_file("/proc/sys/kernel/shmmni", "0"));
	for (i = 0; i < LOOPS; i++)
		EXPECT_EQ(ENOSPC, ERRNO_OF(get_new(POOL * self->unit,
						   SHM_HUGETLB)));
	EXPECT_EQ(0, meminfo("HugePages_Rsvd"));
	EXPECT_EQ(POOL, meminfo("HugePages_Free"));
}

/* Huge segments do not count as committed memory, and shmall knows them. */
TEST_F(huge_limits, shmall)
{
	size_t pages = self->unit / sysconf(_SC_PAGESIZE);

	ASSERT_EQ(0, write_file("/proc/sys/kernel/shmall", "%zu", 2 * pages));
	EXPECT_LE(0, get_new(self->unit, SHM_HUGETLB));
	EXPECT_EQ(pages, total_pages());
	EXPECT_EQ(ENOSPC, ERRNO_OF(get_new(2 * self->unit, SHM_HUGETLB)));
	EXPECT_EQ(1, meminfo("HugePages_Rsvd"));
	EXPECT_LE(0, get_new(self->unit, SHM_HUGETLB));
	EXPECT_EQ(2, meminfo("HugePages_Rsvd"));
}

TEST_F(huge_limits, charged_to_hugetlb_cgroup)
{
	char file[160], size[48];
	struct cgroup cg = { };
	char *mem;
	int id, err;

	snprintf(size, sizeof(size), "hugetlb.%luMB.current",
		 self->unit / MIB);
	if (write_file("/sys/fs/cgroup/cgroup.subtree_control", "+hugetlb"))
		SKIP(return, "no hugetlb controller in this kernel");
	err = cgroup_enter(&cg, "shm_limits");
	ASSERT_EQ(0, err);
	snprintf(file, sizeof(file), "%s/%s", cg.path, size);

	id = get_new(2 * self->unit, SHM_HUGETLB);
	mem = shmat(id, NULL, 0);
	EXPECT_NE(SHM_FAILED, mem);
	EXPECT_EQ(0, read_long(file));
	mem[0] = 1;
	EXPECT_EQ(self->unit, read_long(file));
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_EQ(0, read_long(file));
	cgroup_leave(&cg);
}

TEST_HARNESS_MAIN
