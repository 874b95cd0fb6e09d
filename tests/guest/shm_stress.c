// SPDX-License-Identifier: GPL-2.0
/*
 * Processes create, attach, share, cut up, detach and remove the same few
 * segments at once. Afterwards nothing is left: no segment, no page, no
 * reservation.
 *
 * A worker's random numbers are its own and start the same in every run.
 */
#include "harness.h"

#define WORKERS		6
#define KEYS		4
#define KEY		0x5e6a4000
#define SECONDS		4
#define PATIENCE	120
#define NOISE		2048

/* What the workers have done, so that it can be seen that they have. */
enum { ATTACHED, CUT, UNMAPPED, FORKED, DETACHED, REMOVED, EXITED, DEEDS };

static unsigned long *done;

static void count(int deed)
{
	__atomic_fetch_add(&done[deed], 1, __ATOMIC_RELAXED);
}

static bool all_done(void)
{
	int deed;

	for (deed = 0; deed < DEEDS; deed++)
		if (!__atomic_load_n(&done[deed], __ATOMIC_RELAXED))
			return false;
	return true;
}

/* So many seconds are over; or more, on a machine that takes them */
static bool enough(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec >= end->tv_sec &&
	       (all_done() || now.tv_sec >= end->tv_sec + PATIENCE);
}

FIXTURE(stress)
{
	size_t size;
	long pool;
	long shmem;
	long free;
};

FIXTURE_VARIANT(stress)
{
	int flags;
	const char *sysctl;
};

FIXTURE_VARIANT_ADD(stress, page)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(stress, huge)
{
	.flags = SHM_HUGETLB,
};

/* A last detach destroys, whoever made the segment. */
FIXTURE_VARIANT_ADD(stress, page_rmid_forced)
{
	.flags = 0,
	.sysctl = "1",
};

FIXTURE_SETUP(stress)
{
	self->pool = -1;
	self->size = 8 * sysconf(_SC_PAGESIZE);
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	if (variant->sysctl)
		ASSERT_EQ(0, write_file("/proc/sys/kernel/shm_rmid_forced",
					variant->sysctl));
	if (variant->flags & SHM_HUGETLB) {
		if (!huge_page_size())
			SKIP(return, "no hugetlb in this kernel");
		self->size = 2 * huge_page_size();
		self->pool = read_long(NR_HUGEPAGES);
		ASSERT_EQ(0, write_file(NR_HUGEPAGES, "6"));
		ASSERT_LE(6, meminfo("HugePages_Free"));
	}
	done = mmap(NULL, DEEDS * sizeof(*done), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, done);
	memset(done, 0, DEEDS * sizeof(*done));
	self->free = meminfo("HugePages_Free");
	self->shmem = meminfo("Shmem");
}

FIXTURE_TEARDOWN(stress)
{
	shm_remove_all();
	munmap(done, DEEDS * sizeof(*done));
	huge_pool_put(self->pool);
}

static unsigned int draw(__u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/*
 * Errors that a race, or a pool too small for all segments, explains; anything
 * else ends the worker.
 */
static bool expected(int err, int flags)
{
	return err == EINVAL || err == EIDRM || err == ENOENT ||
	       err == EEXIST || (err == ENOMEM && flags & SHM_HUGETLB);
}

/*
 * Each worker has a word in each segment. A segment that it holds attached
 * cannot be exchanged under it: what it wrote there must stay.
 */
static bool use_attached(char *mem, size_t size, int worker, __u64 *state)
{
	__u64 *word = (__u64 *)mem + worker;
	__u64 value = draw(state);
	size_t unit = size / 2;
	pid_t pid;

	/* Racing with nobody but reclaim: a huge page may be missing. */
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
	switch (draw(state) % 4) {
	case 0:
		if (mprotect(mem + unit, unit, PROT_READ))
			return errno == ENOMEM;
		count(CUT);
		break;
	case 1:
		if (munmap(mem + unit, unit))
			return errno == ENOMEM;
		count(UNMAPPED);
		break;
	case 2:
		pid = fork();
		if (!pid)
			_exit(__atomic_load_n(word, __ATOMIC_RELAXED) != value);
		if (pid > 0) {
			int status;

			if (waitpid(pid, &status, 0) != pid || status)
				return false;
			count(FORKED);
		}
		break;
	}
	return __atomic_load_n(word, __ATOMIC_RELAXED) == value;
}

static bool remove_id(int id, int flags)
{
	if (shmctl(id, IPC_RMID, NULL))
		return expected(errno, flags);
	count(REMOVED);
	return true;
}

static int one_turn(size_t size, int flags, int worker, __u64 *state)
{
	key_t key = KEY + draw(state) % KEYS;
	char *mem;
	int id;

	id = shmget(key, size, flags | 0600 |
		    (draw(state) % 2 ? IPC_CREAT : 0));
	if (id < 0)
		return expected(errno, flags) ? 0 : 2;
	if (draw(state) % 8 == 0)
		return remove_id(id, flags) ? 0 : 3;
	mem = shmat(id, NULL, 0);
	if (mem == SHM_FAILED)
		return expected(errno, flags) ? 0 : 4;
	count(ATTACHED);
	if (draw(state) % 8 == 0 && !remove_id(id, flags))
		return 5;
	if (!use_attached(mem, size, worker, state))
		return 6;
	/* Or leave it to exit. */
	if (draw(state) % 64 == 0) {
		count(EXITED);
		return -1;
	}
	if (shmdt(mem))
		return 7;
	count(DETACHED);
	return 0;
}

static int work(size_t size, int flags, int worker, __u64 seed,
		const struct timespec *end)
{
	__u64 state = seed;
	int ret;

	do {
		ret = one_turn(size, flags, worker, &state);
	} while (!ret && !enough(end));
	return ret < 0 ? 99 : ret;
}

TEST_F(stress, race)
{
	int alive = 0, started = 0, status, slot;
	pid_t pids[WORKERS] = { };
	struct timespec end;
	struct shm_info info;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += SECONDS;
	do {
		for (slot = 0; slot < WORKERS; slot++) {
			if (pids[slot])
				continue;
			started++;
			pids[slot] = fork();
			ASSERT_LE(0, pids[slot]);
			if (!pids[slot])
				_exit(work(self->size, variant->flags, slot,
					   started, &end));
			alive++;
		}
		while (alive == WORKERS) {
			pid_t pid = waitpid(-1, &status, 0);

			ASSERT_LT(0, pid);
			ASSERT_TRUE(WIFEXITED(status));
			/* 99: a worker that exited attached. */
			if (WEXITSTATUS(status) != 99)
				ASSERT_EQ(0, WEXITSTATUS(status));
			for (slot = 0; slot < WORKERS; slot++)
				if (pids[slot] == pid)
					pids[slot] = 0;
			alive--;
		}
	} while (!enough(&end));
	while (alive) {
		ASSERT_LT(0, waitpid(-1, &status, 0));
		ASSERT_TRUE(WIFEXITED(status));
		if (WEXITSTATUS(status) != 99)
			EXPECT_EQ(0, WEXITSTATUS(status));
		alive--;
	}
	for (slot = 0; slot < DEEDS; slot++) {
		EXPECT_LT(0, done[slot]) {
			TH_LOG("no worker did number %d of what they do", slot);
		}
	}
	EXPECT_LE(10 * WORKERS, done[ATTACHED]);

	/* Whatever is left has nobody attached, and is found by its key. */
	for (slot = 0; slot < KEYS; slot++) {
		int id = shmget(KEY + slot, 0, 0);

		if (id < 0)
			continue;
		EXPECT_EQ(0, shm_nattch(id));
		EXPECT_EQ(0, shmctl(id, IPC_RMID, NULL));
	}
	EXPECT_EQ(0, sysvipc_count());
	ASSERT_LE(0, shmctl(0, SHM_INFO, (void *)&info));
	EXPECT_EQ(0, info.used_ids);
	EXPECT_EQ(0, info.shm_tot);
	EXPECT_TRUE(meminfo_settles("Shmem", self->shmem, NOISE));
	if (variant->flags & SHM_HUGETLB) {
		EXPECT_EQ(self->free, meminfo("HugePages_Free"));
		EXPECT_EQ(0, meminfo("HugePages_Rsvd"));
	}
}

TEST_HARNESS_MAIN
