// SPDX-License-Identifier: GPL-2.0
/*
 * SHM_LOCK keeps a segment in memory, whoever reclaims and however, until
 * SHM_UNLOCK, and no longer.
 */
#include "harness.h"

/* Of so many pages, that those which SLACK is for do not matter */
#define SIZE	(2048 * PAGE)
/* Pages that wait in per-CPU batches, not yet on the list that counts them. */
#define SLACK	((long)(256 * PAGE / 1024))

FIXTURE(lock)
{
	struct cgroup cg;
	char *mem;
	int id;
};

FIXTURE_SETUP(lock)
{
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	if (meminfo("SwapTotal") <= 0)
		SKIP(return, "no swap space");
	ASSERT_EQ(0, cgroup_enter(&self->cg, "shm_lock"));
	self->id = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
	ASSERT_LE(0, self->id);
	self->mem = shmat(self->id, NULL, 0);
	ASSERT_NE(SHM_FAILED, self->mem);
}

FIXTURE_TEARDOWN(lock)
{
	shm_remove_all();
	cgroup_leave(&self->cg);
}

/* Bytes of the segment in swap after everything that could put them there. */
static unsigned long swapped_by_force(struct __test_metadata *_metadata,
				      FIXTURE_DATA(lock) *self)
{
	struct sysvipc row;

	cgroup_reclaim(&self->cg, 2 * SIZE);
	if (self->mem)
		madvise(self->mem, SIZE, MADV_PAGEOUT);
	cgroup_reclaim(&self->cg, 2 * SIZE);
	ASSERT_EQ(0, sysvipc_read(self->id, &row));
	return row.swap;
}

TEST_F(lock, swaps_unlocked)
{
	pattern_fill(self->mem, SIZE, 1);
	EXPECT_LT(SIZE / 2, swapped_by_force(_metadata, self));
	EXPECT_EQ(0, pattern_check(self->mem, SIZE, 1));
}

TEST_F(lock, locked_before_fill)
{
	struct shmid_ds ds;
	long before;

	ASSERT_EQ(0, shmctl(self->id, SHM_LOCK, NULL));
	ASSERT_EQ(0, shmctl(self->id, IPC_STAT, &ds));
	EXPECT_EQ(SHM_LOCKED, ds.shm_perm.mode & SHM_LOCKED);
	before = meminfo("Unevictable");
	pattern_fill(self->mem, SIZE, 2);
	EXPECT_LE(before + SIZE / 1024 - SLACK, meminfo("Unevictable"));
	EXPECT_EQ(0, swapped_by_force(_metadata, self));

	ASSERT_EQ(0, shmctl(self->id, SHM_UNLOCK, NULL));
	ASSERT_EQ(0, shmctl(self->id, IPC_STAT, &ds));
	EXPECT_EQ(0, ds.shm_perm.mode & SHM_LOCKED);
	EXPECT_GE(before + SLACK, meminfo("Unevictable"));
	EXPECT_LT(SIZE / 2, swapped_by_force(_metadata, self));
	EXPECT_EQ(0, pattern_check(self->mem, SIZE, 2));
}

TEST_F(lock, locked_after_fill)
{
	long before = meminfo("Unevictable");

	pattern_fill(self->mem, SIZE, 3);
	ASSERT_EQ(0, shmctl(self->id, SHM_LOCK, NULL));
	EXPECT_EQ(0, swapped_by_force(_metadata, self));
	ASSERT_EQ(0, shmctl(self->id, SHM_UNLOCK, NULL));
	EXPECT_GE(before + SLACK, meminfo("Unevictable"));
	EXPECT_LT(SIZE / 2, swapped_by_force(_metadata, self));
	EXPECT_EQ(0, pattern_check(self->mem, SIZE, 3));
}

/* What is in swap stays there until touched, and then stays in memory. */
TEST_F(lock, locked_while_swapped)
{
	struct sysvipc row;

	pattern_fill(self->mem, SIZE, 4);
	EXPECT_LT(SIZE / 2, swapped_by_force(_metadata, self));
	ASSERT_EQ(0, shmctl(self->id, SHM_LOCK, NULL));
	EXPECT_EQ(0, pattern_check(self->mem, SIZE, 4));
	EXPECT_EQ(0, swapped_by_force(_metadata, self));
	ASSERT_EQ(0, sysvipc_read(self->id, &row));
	EXPECT_EQ(SIZE, row.rss);
}

TEST_F(lock, locked_and_detached)
{
	pattern_fill(self->mem, SIZE, 5);
	ASSERT_EQ(0, shmctl(self->id, SHM_LOCK, NULL));
	ASSERT_EQ(0, shmdt(self->mem));
	self->mem = NULL;
	EXPECT_EQ(0, swapped_by_force(_metadata, self));
	self->mem = shmat(self->id, NULL, 0);
	ASSERT_NE(SHM_FAILED, self->mem);
	EXPECT_EQ(0, pattern_check(self->mem, SIZE, 5));
}

/* It is a switch, not a count. */
TEST_F(lock, locked_twice)
{
	pattern_fill(self->mem, SIZE, 6);
	ASSERT_EQ(0, shmctl(self->id, SHM_LOCK, NULL));
	ASSERT_EQ(0, shmctl(self->id, SHM_LOCK, NULL));
	ASSERT_EQ(0, shmctl(self->id, SHM_UNLOCK, NULL));
	EXPECT_LT(SIZE / 2, swapped_by_force(_metadata, self));
	ASSERT_EQ(0, shmctl(self->id, SHM_UNLOCK, NULL));
}

TEST_F(lock, munlock_does_not_unlock_segment)
{
	pattern_fill(self->mem, SIZE, 7);
	ASSERT_EQ(0, shmctl(self->id, SHM_LOCK, NULL));
	ASSERT_EQ(0, mlock(self->mem, SIZE));
	ASSERT_EQ(0, munlock(self->mem, SIZE));
	EXPECT_EQ(0, swapped_by_force(_metadata, self));
}

TEST_F(lock, unlock_does_not_munlock)
{
	pattern_fill(self->mem, SIZE, 8);
	ASSERT_EQ(0, mlock(self->mem, SIZE));
	ASSERT_EQ(0, shmctl(self->id, SHM_LOCK, NULL));
	ASSERT_EQ(0, shmctl(self->id, SHM_UNLOCK, NULL));
	EXPECT_EQ(0, swapped_by_force(_metadata, self));
	ASSERT_EQ(0, munlock(self->mem, SIZE));
	EXPECT_LT(SIZE / 2, swapped_by_force(_metadata, self));
}

TEST_F(lock, removed_while_locked)
{
	long before = meminfo("Unevictable");
	long shmem = meminfo("Shmem");

	ASSERT_EQ(0, shmctl(self->id, SHM_LOCK, NULL));
	pattern_fill(self->mem, SIZE, 9);
	EXPECT_LE(before + SIZE / 1024 - SLACK, meminfo("Unevictable"));
	ASSERT_EQ(0, shmctl(self->id, IPC_RMID, NULL));
	ASSERT_EQ(0, shmdt(self->mem));
	EXPECT_EQ(0, sysvipc_count());
	EXPECT_TRUE(meminfo_settles("Unevictable", before, SLACK));
	EXPECT_TRUE(meminfo_settles("Shmem", shmem, SLACK));
}

TEST_HARNESS_MAIN
