// SPDX-License-Identifier: GPL-2.0
/*
 * IPC namespaces: segments of one are unknown to the other, and what a
 * namespace holds goes when it does, not before and not later. Who is root in
 * a user namespace has no more rights to segments outside than he had before.
 */
#include "harness.h"

#include <sys/prctl.h>

#define KEY	0x5e6a0003
#define SIZE	(16 * MIB)
#define NOISE	1024
#define NEXT_ID	"/proc/sys/kernel/shm_next_id"

FIXTURE(ns)
{
	int flags;
	size_t size;
	long pool;
	long before;
	const char *gauge;
	long full;
};

FIXTURE_VARIANT(ns)
{
	bool huge;
};

FIXTURE_VARIANT_ADD(ns, page)
{
	.huge = false,
};

FIXTURE_VARIANT_ADD(ns, huge)
{
	.huge = true,
};

FIXTURE_SETUP(ns)
{
	self->pool = -1;
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	self->size = SIZE;
	self->gauge = "Shmem";
	self->full = SIZE / 1024;
	if (variant->huge) {
		if (!huge_page_size())
			SKIP(return, "no hugetlb in this kernel");
		self->flags = SHM_HUGETLB;
		self->size = 4 * huge_page_size();
		self->gauge = "HugePages_Free";
		/*
		 * The pool is neither grown nor shrunk by the test itself, but
		 * a dying namespace of an earlier test would do so: start over.
		 */
		self->pool = read_long(NR_HUGEPAGES);
		ASSERT_EQ(0, write_file(NR_HUGEPAGES, "0"));
		ASSERT_TRUE(meminfo_settles("HugePages_Total", 0, 0));
		ASSERT_EQ(0, write_file(NR_HUGEPAGES, "8"));
		ASSERT_EQ(8, meminfo("HugePages_Free"));
		self->full = -4;
	}
	self->before = meminfo(self->gauge);
}

FIXTURE_TEARDOWN(ns)
{
	shm_remove_all();
	huge_pool_put(self->pool);
}

#define SLACK (variant->huge ? 0 : NOISE)

static char *attach_filled(key_t key, size_t size, int flags, int *id)
{
	char *mem;

	*id = shmget(key, size, IPC_CREAT | 0600 | flags);
	if (*id < 0)
		return SHM_FAILED;
	mem = shmat(*id, NULL, 0);
	if (mem != SHM_FAILED)
		pattern_fill(mem, size, *id);
	return mem;
}

struct other {
	int id;
	size_t size;
	int flags;
};

static int look_from_other(void *arg)
{
	struct other *other = arg;
	struct shmid_ds ds;
	int id;

	if (unshare(CLONE_NEWIPC))
		return 100;
	if (sysvipc_count() != 0)
		return 1;
	if (ERRNO_OF(shmget(KEY, 0, 0)) != ENOENT)
		return 2;
	if (ERRNO_OF(shmctl(other->id, IPC_STAT, &ds)) != EINVAL)
		return 3;
	if (ERRNO_OF(shmat(other->id, NULL, 0)) != EINVAL)
		return 4;
	id = shmget(KEY, other->size, IPC_CREAT | IPC_EXCL | other->flags);
	if (id < 0)
		return 5;
	return sysvipc_count() != 1;
}

TEST_F(ns, isolates)
{
	struct other other = { .size = self->size, .flags = self->flags };
	char *mem;

	mem = attach_filled(KEY, self->size, self->flags, &other.id);
	ASSERT_NE(SHM_FAILED, mem);
	EXPECT_EQ(0, in_child(look_from_other, &other));
	EXPECT_EQ(1, sysvipc_count());
	EXPECT_EQ(1, shm_nattch(other.id));
	EXPECT_EQ(0, pattern_check(mem, self->size, other.id));
}

/* A mapping stays when its owner moves to another namespace. */
TEST_F(ns, attachment_outlives_unshare)
{
	int status, id;
	pid_t pid;
	char *mem;

	mem = attach_filled(KEY, self->size, self->flags, &id);
	ASSERT_NE(SHM_FAILED, mem);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (unshare(CLONE_NEWIPC))
			_exit(100);
		if (pattern_check(mem, self->size, id))
			_exit(1);
		mem[0] ^= 1;
		/* Counted where the segment is, not where we are. */
		_exit(shmdt(mem) ? 2 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, shm_nattch(id));
	EXPECT_EQ(1, pattern_check(mem, self->size, id));
}

static int fill_and_exit(void *arg)
{
	struct other *other = arg;
	char *mem;
	int id;

	if (unshare(CLONE_NEWIPC))
		return 100;
	mem = attach_filled(KEY, other->size, other->flags, &id);
	if (mem == SHM_FAILED)
		return 1;
	return shmdt(mem);
}

TEST_F(ns, end_frees_segments)
{
	struct other other = { .size = self->size, .flags = self->flags };
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, in_child(fill_and_exit, &other));
		EXPECT_TRUE(meminfo_settles(self->gauge, self->before, SLACK))
			TH_LOG("%s: %ld, was %ld", self->gauge,
			       meminfo(self->gauge), self->before);
	}
	if (variant->huge)
		EXPECT_EQ(0, meminfo("HugePages_Rsvd"));
}

static int fill_and_exit_attached(void *arg)
{
	struct other *other = arg;
	int id;

	if (unshare(CLONE_NEWIPC))
		return 100;
	return attach_filled(KEY, other->size, other->flags, &id) ==
	       SHM_FAILED;
}

TEST_F(ns, end_with_attachment_frees_segments)
{
	struct other other = { .size = self->size, .flags = self->flags };

	EXPECT_EQ(0, in_child(fill_and_exit_attached, &other));
	EXPECT_TRUE(meminfo_settles(self->gauge, self->before, SLACK));
}

/* The attachment is the last that holds on to the namespace. */
TEST_F(ns, attachment_keeps_namespace)
{
	char *mem;
	int id;

	mem = attach_filled(KEY, self->size, self->flags, &id);
	ASSERT_NE(SHM_FAILED, mem);
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	EXPECT_EQ(0, sysvipc_count());
	EXPECT_TRUE(meminfo_settles(self->gauge, self->before + self->full,
				    SLACK));
	EXPECT_EQ(0, pattern_check(mem, self->size, id));
	EXPECT_EQ(0, mprotect(mem, self->size, PROT_READ));
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_TRUE(meminfo_settles(self->gauge, self->before, SLACK));
}

TEST_F(ns, pieces_keep_namespace)
{
	size_t unit = self->size / 4;
	char *mem;
	int id;

	mem = attach_filled(KEY, self->size, self->flags, &id);
	ASSERT_NE(SHM_FAILED, mem);
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	ASSERT_EQ(0, munmap(mem + unit, unit));
	EXPECT_EQ(0, munmap(mem, unit));
	EXPECT_EQ(0, munmap(mem + 3 * unit, unit));
	EXPECT_TRUE(meminfo_settles(self->gauge, self->before + self->full,
				    SLACK));
	EXPECT_EQ(0, munmap(mem + 2 * unit, unit));
	EXPECT_TRUE(meminfo_settles(self->gauge, self->before, SLACK));
}

TEST_F(ns, rmid_forced_at_unshare)
{
	int id, home;

	ASSERT_EQ(0, write_file("/proc/sys/kernel/shm_rmid_forced", "1"));
	id = shmget(KEY, self->size, IPC_CREAT | 0600 | self->flags);
	ASSERT_LE(0, id);
	home = open("/proc/self/ns/ipc", O_RDONLY);
	ASSERT_LE(0, home);
	/* Whoever leaves a namespace leaves his segments as if by exit. */
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	ASSERT_EQ(0, setns(home, CLONE_NEWIPC));
	EXPECT_EQ(0, sysvipc_count());
	close(home);
}

TEST_F(ns, next_id)
{
	struct map map;
	char *mem;
	int id;

	if (access(NEXT_ID, F_OK))
		SKIP(return, "no CHECKPOINT_RESTORE in this kernel");
	EXPECT_EQ(-1, read_long(NEXT_ID));
	ASSERT_EQ(0, write_file(NEXT_ID, "4242"));
	EXPECT_EQ(4242, read_long(NEXT_ID));
	mem = attach_filled(IPC_PRIVATE, self->size, self->flags, &id);
	ASSERT_NE(SHM_FAILED, mem);
	EXPECT_EQ(4242, id);
	EXPECT_EQ(-1, read_long(NEXT_ID));
	ASSERT_EQ(0, map_find(mem, &map));
	EXPECT_EQ(4242, map.inode);
	EXPECT_EQ(1, shm_nattch(4242));

	/* Only asked for once; the next id is the kernel's choice again. */
	id = shmget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	EXPECT_LE(0, id);
	EXPECT_NE(4242, id);
}

/* --- user namespaces --- */

#define OWNER		1000
#define NOBODY		65534
#define HUGETLB_SHM_GROUP	"/proc/sys/vm/hugetlb_shm_group"

/* What a segment of somebody else's gives to others */
FIXTURE(users)
{
	int mine;		/* root's, of which others have no rights */
	int open;		/* root's, to be read by others */
	int main_ns;
	long group;
};

FIXTURE_SETUP(users)
{
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	self->mine = shmget(KEY, 2 * PAGE, IPC_CREAT | 0600);
	ASSERT_LE(0, self->mine);
	self->open = shmget(IPC_PRIVATE, 2 * PAGE, IPC_CREAT | 0604);
	ASSERT_LE(0, self->open);
	self->main_ns = open("/proc/self/ns/ipc", O_RDONLY);
	ASSERT_LE(0, self->main_ns);
	self->group = read_long(HUGETLB_SHM_GROUP);
	if (self->group >= 0)
		ASSERT_EQ(0, write_file(HUGETLB_SHM_GROUP, "0"));
}

FIXTURE_TEARDOWN(users)
{
	shm_remove_all();
	if (self->group >= 0)
		write_file(HUGETLB_SHM_GROUP, "%ld", self->group);
}

/* Become OWNER, and then root in a user namespace, which is OWNER outside */
static bool enter_user_ns(int flags)
{
	struct rlimit none = {};

	return !setrlimit(RLIMIT_MEMLOCK, &none) &&
	       !setresgid(OWNER, OWNER, OWNER) &&
	       !setresuid(OWNER, OWNER, OWNER) && !prctl(PR_SET_DUMPABLE, 1) &&
	       !unshare(CLONE_NEWUSER | flags) &&
	       !write_file("/proc/self/uid_map", "0 %d 1", OWNER) &&
	       !write_file("/proc/self/setgroups", "deny") &&
	       !write_file("/proc/self/gid_map", "0 %d 1", OWNER) &&
	       !getuid();
}

/* All of them return 0, or the number of the step that went wrong */
static int root_elsewhere(void *arg)
{
	FIXTURE_DATA(users) *self = arg;
	struct shmid_ds ds;
	struct sysvipc row;
	int id;

	if (!enter_user_ns(0))
		return 100;
	if (ERRNO_OF(shmat(self->mine, NULL, SHM_RDONLY)) != EACCES)
		return 1;
	if (ERRNO_OF(shmctl(self->mine, IPC_STAT, &ds)) != EACCES)
		return 2;
	if (ERRNO_OF(shmctl(self->mine, SHM_LOCK, NULL)) != EPERM)
		return 3;
	if (ERRNO_OF(shmctl(self->mine, IPC_RMID, NULL)) != EPERM)
		return 4;
	if (ERRNO_OF(shmget(KEY, 0, 0600)) != EACCES)
		return 5;

	if (ERRNO_OF(shmat(self->open, NULL, 0)) != EACCES)
		return 6;
	if (shmat(self->open, NULL, SHM_RDONLY) == SHM_FAILED)
		return 7;
	if (shmctl(self->open, IPC_STAT, &ds) || ds.shm_perm.uid != NOBODY ||
	    ds.shm_perm.cuid != NOBODY)
		return 8;
	if (sysvipc_read(self->open, &row) || row.uid != NOBODY)
		return 9;
	if (ERRNO_OF(shmctl(self->open, IPC_SET, &ds)) != EPERM)
		return 10;

	id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	if (id < 0 || shmctl(id, IPC_STAT, &ds) || ds.shm_perm.uid)
		return 11;
	ds.shm_perm.uid = OWNER;	/* whom there is not, in here */
	if (ERRNO_OF(shmctl(id, IPC_SET, &ds)) != EINVAL)
		return 12;
	if (ERRNO_OF(shmctl(id, SHM_LOCK, NULL)) != EPERM)
		return 13;
	return 0;
}

TEST_F(users, root_elsewhere_is_nobody_here)
{
	struct shmid_ds ds;
	int i, id, last;

	EXPECT_EQ(0, in_child(root_elsewhere, self));
	EXPECT_EQ(3, sysvipc_count());
	last = shmctl(0, SHM_INFO, (void *)&ds);
	for (i = 0; i <= last; i++) {
		id = shmctl(i, SHM_STAT, &ds);
		if (id != self->mine && id != self->open)
			EXPECT_EQ(OWNER, ds.shm_perm.uid);
	}
}

static int root_of_its_own(void *arg)
{
	FIXTURE_DATA(users) *self = arg;
	struct shmid_ds ds;
	int id;

	if (!enter_user_ns(CLONE_NEWIPC))
		return 100;
	if (sysvipc_count() != 0)
		return 1;
	if (ERRNO_OF(shmat(self->open, NULL, SHM_RDONLY)) != EINVAL)
		return 2;
	if (ERRNO_OF(shmget(KEY, 0, 0)) != ENOENT)
		return 3;
	/* The way back is for who could go it without the namespace */
	if (ERRNO_OF(setns(self->main_ns, CLONE_NEWIPC)) != EPERM)
		return 4;
	id = shmget(KEY, PAGE, IPC_CREAT | 0600);
	if (id < 0 || shmctl(id, IPC_STAT, &ds) || ds.shm_perm.uid)
		return 5;
	/* All rights to what is in it, and no memory for it beyond a limit */
	if (shmat(id, NULL, 0) == SHM_FAILED)
		return 6;
	if (ERRNO_OF(shmctl(id, SHM_LOCK, NULL)) != ENOMEM)
		return 7;
	if (huge_page_size() &&
	    ERRNO_OF(shmget(IPC_PRIVATE, huge_page_size(), IPC_CREAT |
			    SHM_HUGETLB | 0600)) != EPERM)
		return 8;
	return shmctl(id, IPC_RMID, NULL) ? 9 : 0;
}

TEST_F(users, root_of_its_own)
{
	EXPECT_EQ(0, in_child(root_of_its_own, self));
	EXPECT_EQ(2, sysvipc_count());
}

static int there_and_back(void *arg)
{
	FIXTURE_DATA(users) *self = arg;
	char *here, *there;
	int id;

	here = shmat(self->mine, NULL, 0);
	if (here == SHM_FAILED)
		return 1;
	here[0] = 'h';
	if (unshare(CLONE_NEWIPC))
		return 100;
	id = shmget(KEY, PAGE, IPC_CREAT | 0600);
	there = shmat(id, NULL, 0);
	if (there == SHM_FAILED)
		return 2;
	there[0] = 't';
	if (shm_nattch(id) != 1)
		return 3;
	/* Each mapping is of the segment that it was made of */
	if (setns(self->main_ns, CLONE_NEWIPC))
		return 4;
	if (here[0] != 'h' || there[0] != 't' ||
	    shm_nattch(self->mine) != 1)
		return 5;
	if (shmdt(there) || shm_nattch(self->mine) != 1)
		return 6;
	return shmdt(here) || shm_nattch(self->mine) ? 7 : 0;
}

TEST_F(users, there_and_back)
{
	EXPECT_EQ(0, in_child(there_and_back, self));
}

TEST_HARNESS_MAIN
