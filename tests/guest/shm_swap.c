// SPDX-License-Identifier: GPL-2.0
/*
 * No byte is lost on the way to swap and back: segments are filled with a
 * pattern, pushed out, and read and written again by several processes at
 * once, while reclaim goes on.
 */
#include "harness.h"

#define SIZE	(32 * MIB)
#define READERS	3
#define ROUNDS	3

FIXTURE(swap)
{
	struct cgroup cg;
	char old[32];
	char *mem;
	int id;
};

FIXTURE_VARIANT(swap)
{
	const char *policy;
};

FIXTURE_VARIANT_ADD(swap, page)
{
	.policy = "deny",
};

FIXTURE_VARIANT_ADD(swap, thp)
{
	.policy = "force",
};

FIXTURE_SETUP(swap)
{
	bool has_policy = !choice_read(SHMEM_ENABLED, self->old,
				       sizeof(self->old));

	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	if (meminfo("SwapFree") * 1024 < 2 * SIZE)
		SKIP(return, "not enough swap space");
	if (!thp_size() && !strcmp(variant->policy, "force"))
		SKIP(return, "no huge pages for shmem in this kernel");
	if (has_policy)
		ASSERT_EQ(0, write_file(SHMEM_ENABLED, "%s", variant->policy));
	ASSERT_EQ(0, cgroup_enter(&self->cg, "shm_swap"));
	self->id = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
	ASSERT_LE(0, self->id);
	self->mem = shmat(self->id, NULL, 0);
	ASSERT_NE(SHM_FAILED, self->mem);
	pattern_fill(self->mem, SIZE, self->id);
	if (!strcmp(variant->policy, "force"))
		ASSERT_EQ(SIZE / 1024, smaps_kb(self->mem, "ShmemPmdMapped"));
}

FIXTURE_TEARDOWN(swap)
{
	shm_remove_all();
	cgroup_leave(&self->cg);
	if (self->old[0])
		write_file(SHMEM_ENABLED, "%s", self->old);
}

static unsigned long swapped(int id)
{
	struct sysvipc row;

	return sysvipc_read(id, &row) ? 0 : row.swap;
}

/* Reclaim works in steps, and gives up a while: ask until it is mostly out. */
static bool push_out(struct cgroup *cg, int id, unsigned long want)
{
	int tries;

	for (tries = 0; tries < 20 && swapped(id) < want; tries++)
		cgroup_reclaim(cg, SIZE);
	return swapped(id) >= want;
}

TEST_F(swap, out_and_back)
{
	long out = vmstat("pswpout"), in;
	struct sysvipc row;

	ASSERT_TRUE(push_out(&self->cg, self->id, SIZE * 3 / 4))
		TH_LOG("%lu bytes swapped", swapped(self->id));
	EXPECT_LE(out + SIZE * 3 / 4 / sysconf(_SC_PAGESIZE),
		  vmstat("pswpout"));
	in = vmstat("pswpin");
	EXPECT_EQ(0, pattern_check(self->mem, SIZE, self->id));
	EXPECT_LT(in, vmstat("pswpin"));
	ASSERT_EQ(0, sysvipc_read(self->id, &row));
	EXPECT_EQ(SIZE, row.rss);
	EXPECT_EQ(0, row.swap);
}

/* Nobody maps it: reclaim and swap-in work on the object alone. */
TEST_F(swap, out_while_detached)
{
	ASSERT_EQ(0, shmdt(self->mem));
	ASSERT_TRUE(push_out(&self->cg, self->id, SIZE * 3 / 4))
		TH_LOG("%lu bytes swapped", swapped(self->id));
	self->mem = shmat(self->id, NULL, SHM_RDONLY);
	ASSERT_NE(SHM_FAILED, self->mem);
	EXPECT_EQ(0, pattern_check(self->mem, SIZE, self->id));
}

TEST_F(swap, out_by_madvise)
{
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_PAGEOUT));
	EXPECT_LT(SIZE / 2, swapped(self->id));
	/* Read ahead, then the rest by faults. */
	EXPECT_EQ(0, madvise(self->mem, SIZE / 2, MADV_WILLNEED));
	EXPECT_EQ(0, pattern_check(self->mem, SIZE, self->id));
	EXPECT_EQ(0, swapped(self->id));
}

TEST_F(swap, attached_by_several)
{
	char *other = shmat(self->id, NULL, 0);

	ASSERT_NE(SHM_FAILED, other);
	EXPECT_EQ(0, pattern_check(other, SIZE, self->id));
	ASSERT_TRUE(push_out(&self->cg, self->id, SIZE / 2))
		TH_LOG("%lu bytes swapped", swapped(self->id));
	EXPECT_EQ(0, pattern_check(other, SIZE / 2, self->id));
	EXPECT_EQ(0, pattern_check(self->mem, SIZE, self->id));
	EXPECT_EQ(0, pattern_check(other, SIZE, self->id));
}

/*
 * Each process owns a stripe: it checks what the last round left there, and
 * writes the next, while the parent keeps pushing everything out.
 */
static int own_stripe(char *stripe, size_t len, __u64 seed)
{
	size_t bad = 0;
	int round;

	pattern_fill(stripe, len, seed);
	for (round = 0; round < ROUNDS; round++) {
		bad += pattern_check(stripe, len, seed + round);
		pattern_fill(stripe, len, seed + round + 1);
	}
	bad += pattern_check(stripe, len, seed + ROUNDS);
	return bad != 0;
}

TEST_F(swap, written_by_several_under_reclaim)
{
	const size_t len = SIZE / (READERS + 1);
	long out = vmstat("pswpout");
	int i, alive = READERS;
	int status;

	ASSERT_TRUE(push_out(&self->cg, self->id, SIZE / 2));
	for (i = 0; i < READERS; i++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid)
			_exit(own_stripe(self->mem + i * len, len, i << 8));
	}
	while (alive) {
		cgroup_reclaim(&self->cg, SIZE / 2);
		while (alive && waitpid(-1, &status, WNOHANG) > 0) {
			EXPECT_EQ(0, status);
			alive--;
		}
	}
	EXPECT_LT(out, vmstat("pswpout"));
	ASSERT_TRUE(push_out(&self->cg, self->id, SIZE / 2));
	for (i = 0; i < READERS; i++)
		EXPECT_EQ(0, pattern_check(self->mem + i * len, len,
					   (i << 8) + ROUNDS));
}

/* A segment that is removed while in swap gives its swap space back. */
TEST_F(swap, removed_while_out)
{
	long before = meminfo("SwapFree");

	ASSERT_TRUE(push_out(&self->cg, self->id, SIZE * 3 / 4));
	EXPECT_GT(before - 16 * 1024, meminfo("SwapFree"));
	ASSERT_EQ(0, shmdt(self->mem));
	ASSERT_EQ(0, shmctl(self->id, IPC_RMID, NULL));
	EXPECT_TRUE(meminfo_settles("SwapFree", before, 4096));
}

TEST_HARNESS_MAIN
