// SPDX-License-Identifier: GPL-2.0
/*
 * Who may do what to a segment: modes, ownership, capabilities, SHM_LOCK and
 * RLIMIT_MEMLOCK, and the rule for segments of huge pages.
 *
 * The test itself is root; each step runs in a child that becomes somebody.
 */
#include "harness.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>

#define OWNER		1000
#define STRANGER	1001
#define GROUP		1000
#define OTHER_GROUP	1001

#define CAPS_NONE	0UL
#define CAPS_KEEP	(~0UL)

#define HUGETLB_SHM_GROUP	"/proc/sys/vm/hugetlb_shm_group"

/* A system call made as somebody; its errno is the child's exit status. */
struct attempt {
	uid_t uid;
	gid_t gid;
	unsigned long caps;
	long memlock;
	int id;
	size_t size;
	int flags;
	struct shmid_ds ds;
	int (*act)(struct attempt *what);
};

static int set_effective(unsigned long long caps)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = caps, .permitted = caps },
		{ .effective = caps >> 32, .permitted = caps >> 32 },
	};

	return syscall(SYS_capset, &head, data);
}

static int become_and_act(void *arg)
{
	struct attempt *what = arg;
	struct rlimit limit = { what->memlock, what->memlock };

	if (what->memlock >= 0 && setrlimit(RLIMIT_MEMLOCK, &limit))
		return 253;
	if (prctl(PR_SET_KEEPCAPS, 1))
		return 252;
	if (setgroups(0, NULL) ||
	    setresgid(what->gid, what->gid, what->gid) ||
	    setresuid(what->uid, what->uid, what->uid))
		return 251;
	if (what->caps != CAPS_KEEP && set_effective(what->caps))
		return 250;
	return what->act(what);
}

static int attempt(struct attempt what)
{
	return in_child(become_and_act, &what);
}

static int act_get(struct attempt *what)
{
	return ERRNO_OF(shmget(what->id, what->size, what->flags));
}

static int act_attach(struct attempt *what)
{
	return ERRNO_OF(shmat(what->id, NULL, what->flags));
}

static int act_stat(struct attempt *what)
{
	return ERRNO_OF(shmctl(what->id, IPC_STAT, &what->ds));
}

static int act_set(struct attempt *what)
{
	return ERRNO_OF(shmctl(what->id, IPC_SET, &what->ds));
}

static int act_control(struct attempt *what)
{
	return ERRNO_OF(shmctl(what->id, what->flags, NULL));
}

static int act_memfd(struct attempt *what)
{
	int fd = memfd_create("perm", what->flags);

	return fd < 0 ? errno : ERRNO_OF(ftruncate(fd, what->size));
}

#define AS(who, in, ...) attempt((struct attempt) {			\
	.uid = (who), .gid = (in), .caps = CAPS_NONE, .memlock = -1,	\
	__VA_ARGS__ })

FIXTURE(perm)
{
	size_t size;
};

FIXTURE_SETUP(perm)
{
	self->size = 4 * sysconf(_SC_PAGESIZE);
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
}

FIXTURE_TEARDOWN(perm)
{
	shm_remove_all();
}

/* The id of a new segment that belongs to OWNER and GROUP. */
static int segment_of_owner(key_t key, size_t size, int mode)
{
	static int next;
	struct shmid_ds ds;
	int id, err;

	err = AS(OWNER, GROUP, .act = act_get, .id = key + ++next,
		 .size = size, .flags = IPC_CREAT | IPC_EXCL | mode);
	if (err)
		return -1;
	id = shmget(key + next, 0, 0);
	if (id < 0 || shmctl(id, IPC_STAT, &ds) ||
	    ds.shm_perm.cuid != OWNER || ds.shm_perm.uid != OWNER)
		return -1;
	return id;
}

#define SEGMENT(mode) ({						\
	int __id = segment_of_owner(0x5e6a1000, self->size, mode);	\
	ASSERT_LE(0, __id);						\
	__id;								\
})

TEST_F(perm, modes)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		int shift;
	} who[] = {
		{ OWNER, OTHER_GROUP, 6 },
		{ STRANGER, GROUP, 3 },
		{ STRANGER, OTHER_GROUP, 0 },
	};
	static const int modes[] = { 0, 0400, 0600, 0060, 0040, 0006, 0004,
				     0200, 0020, 0002, 0640, 0666 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		int id = SEGMENT(modes[i]);

		for (j = 0; j < ARRAY_SIZE(who); j++) {
			int granted = modes[i] >> who[j].shift & 7;
			int read = granted & 4 ? 0 : EACCES;
			int both = (granted & 6) == 6 ? 0 : EACCES;

			EXPECT_EQ(read, AS(who[j].uid, who[j].gid, .id = id,
					   .act = act_attach,
					   .flags = SHM_RDONLY))
				TH_LOG("mode %o, shift %d", modes[i],
				       who[j].shift);
			EXPECT_EQ(both, AS(who[j].uid, who[j].gid, .id = id,
					   .act = act_attach))
				TH_LOG("mode %o, shift %d", modes[i],
				       who[j].shift);
			EXPECT_EQ(read, AS(who[j].uid, who[j].gid, .id = id,
					   .act = act_stat));
		}
		EXPECT_EQ(0, shm_nattch(id));
	}
}

TEST_F(perm, mode_for_execution)
{
	int id = SEGMENT(0600);
	int exec = SEGMENT(0700);

	EXPECT_EQ(EACCES, AS(OWNER, GROUP, .act = act_attach, .id = id,
			     .flags = SHM_EXEC));
	EXPECT_EQ(0, AS(OWNER, GROUP, .act = act_attach, .id = exec,
			.flags = SHM_EXEC));
	EXPECT_EQ(EACCES, AS(STRANGER, GROUP, .act = act_attach, .id = exec,
			     .flags = SHM_EXEC | SHM_RDONLY));
}

TEST_F(perm, get_checks_requested_mode)
{
	key_t key = 0x5e6a2001;

	ASSERT_EQ(0, AS(OWNER, GROUP, .act = act_get, .id = key,
			.size = self->size, .flags = IPC_CREAT | 0640));
	EXPECT_EQ(0, AS(STRANGER, GROUP, .act = act_get, .id = key,
			.flags = 0440));
	EXPECT_EQ(EACCES, AS(STRANGER, GROUP, .act = act_get, .id = key,
			     .flags = 0660));
	EXPECT_EQ(EACCES, AS(STRANGER, OTHER_GROUP, .act = act_get, .id = key,
			     .flags = 0004));
	/* No right asked for, none needed. */
	EXPECT_EQ(0, AS(STRANGER, OTHER_GROUP, .act = act_get, .id = key));
}

TEST_F(perm, capability_ipc_owner)
{
	int id = SEGMENT(0600);

	EXPECT_EQ(EACCES, AS(0, 0, .act = act_attach, .id = id));
	EXPECT_EQ(0, AS(0, 0, .act = act_attach, .id = id,
			.caps = 1UL << CAP_IPC_OWNER));
	EXPECT_EQ(0, AS(STRANGER, OTHER_GROUP, .act = act_attach, .id = id,
			.caps = 1UL << CAP_IPC_OWNER));
	EXPECT_EQ(EACCES, AS(STRANGER, OTHER_GROUP, .act = act_attach, .id = id,
			     .caps = 1UL << CAP_IPC_LOCK));
}

TEST_F(perm, set)
{
	int id = SEGMENT(0600);
	struct shmid_ds ds, now;
	time_t before = time(NULL);

	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	ds.shm_perm.uid = STRANGER;
	ds.shm_perm.gid = OTHER_GROUP;
	ds.shm_perm.mode = 0640;
	EXPECT_EQ(EPERM, AS(STRANGER, OTHER_GROUP, .act = act_set, .id = id,
			    .ds = ds));
	EXPECT_EQ(0, AS(OWNER, GROUP, .act = act_set, .id = id, .ds = ds));
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &now));
	EXPECT_EQ(STRANGER, now.shm_perm.uid);
	EXPECT_EQ(OTHER_GROUP, now.shm_perm.gid);
	EXPECT_EQ(OWNER, now.shm_perm.cuid);
	EXPECT_EQ(GROUP, now.shm_perm.cgid);
	EXPECT_EQ(0640, now.shm_perm.mode);
	EXPECT_LE(before, now.shm_ctime);

	/* The new owner and the creator both own it. */
	EXPECT_EQ(0, AS(STRANGER, OTHER_GROUP, .act = act_attach, .id = id));
	EXPECT_EQ(0, AS(OWNER, GROUP, .act = act_attach, .id = id));
	ds.shm_perm.mode = 01600;
	EXPECT_EQ(0, AS(STRANGER, OTHER_GROUP, .act = act_set, .id = id,
			.ds = ds));
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &now));
	EXPECT_EQ(0600, now.shm_perm.mode);
	ds.shm_perm.uid = -1;
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(id, IPC_SET, &ds)));
}

TEST_F(perm, remove)
{
	int id = SEGMENT(0666);
	int other = SEGMENT(0666);

	EXPECT_EQ(EPERM, AS(STRANGER, GROUP, .act = act_control, .id = id,
			    .flags = IPC_RMID));
	EXPECT_EQ(0, AS(OWNER, OTHER_GROUP, .act = act_control, .id = id,
			.flags = IPC_RMID));
	EXPECT_EQ(EPERM, AS(STRANGER, GROUP, .act = act_control, .id = other,
			    .flags = IPC_RMID, .caps = 1UL << CAP_IPC_OWNER));
	EXPECT_EQ(0, AS(STRANGER, GROUP, .act = act_control, .id = other,
			.flags = IPC_RMID, .caps = 1UL << CAP_SYS_ADMIN));
	EXPECT_EQ(0, sysvipc_count());
}

TEST_F(perm, lock_needs_ownership_or_capability)
{
	int id = SEGMENT(0666);
	struct shmid_ds ds;

	EXPECT_EQ(EPERM, AS(STRANGER, GROUP, .act = act_control, .id = id,
			    .flags = SHM_LOCK));
	EXPECT_EQ(EPERM, AS(OWNER, GROUP, .act = act_control, .id = id,
			    .flags = SHM_LOCK, .memlock = 0));
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(0, ds.shm_perm.mode & SHM_LOCKED);
	EXPECT_EQ(0, AS(STRANGER, GROUP, .act = act_control, .id = id,
			.flags = SHM_LOCK, .caps = 1UL << CAP_IPC_LOCK,
			.memlock = 0));
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(SHM_LOCKED, ds.shm_perm.mode & SHM_LOCKED);
	EXPECT_EQ(EPERM, AS(STRANGER, GROUP, .act = act_control, .id = id,
			    .flags = SHM_UNLOCK));
	/* Unlocking takes no limit. */
	EXPECT_EQ(0, AS(OWNER, GROUP, .act = act_control, .id = id,
			.flags = SHM_UNLOCK, .memlock = 0));
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(0, ds.shm_perm.mode & SHM_LOCKED);
}

/* Who has created it may lock it, whosever it is. */
TEST_F(perm, lock_by_the_creator)
{
	int id = SEGMENT(0600);
	struct shmid_ds ds;

	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	ds.shm_perm.uid = STRANGER;
	ASSERT_EQ(0, shmctl(id, IPC_SET, &ds));
	EXPECT_EQ(0, AS(OWNER, GROUP, .act = act_control, .id = id,
			.flags = SHM_LOCK));
	EXPECT_EQ(0, AS(STRANGER, GROUP, .act = act_control, .id = id,
			.flags = SHM_UNLOCK));
}

#define OWNER_CONTROL(segment, command, limit)				\
	AS(OWNER, GROUP, .act = act_control, .id = (segment),		\
	   .flags = (command), .memlock = (limit))

TEST_F(perm, lock_is_accounted)
{
	int one = SEGMENT(0600);
	int two = SEGMENT(0600);
	long size = self->size;

	EXPECT_EQ(ENOMEM, OWNER_CONTROL(one, SHM_LOCK, size - 1));
	EXPECT_EQ(0, OWNER_CONTROL(one, SHM_LOCK, size));
	/* Locking again costs nothing. */
	EXPECT_EQ(0, OWNER_CONTROL(one, SHM_LOCK, size));
	EXPECT_EQ(ENOMEM, OWNER_CONTROL(two, SHM_LOCK, size));
	EXPECT_EQ(0, OWNER_CONTROL(two, SHM_LOCK, 2 * size));
	EXPECT_EQ(0, OWNER_CONTROL(one, SHM_UNLOCK, size));
	EXPECT_EQ(0, OWNER_CONTROL(one, SHM_UNLOCK, size));
	EXPECT_EQ(ENOMEM, OWNER_CONTROL(one, SHM_LOCK, size));
	EXPECT_EQ(0, OWNER_CONTROL(one, SHM_LOCK, 2 * size));
}

TEST_F(perm, lock_is_given_back_to_who_locked)
{
	int one = SEGMENT(0600);
	int two = SEGMENT(0600);
	long size = self->size;

	/* Removal gives it back. */
	EXPECT_EQ(0, OWNER_CONTROL(one, SHM_LOCK, size));
	ASSERT_EQ(0, shmctl(one, IPC_RMID, NULL));
	EXPECT_EQ(0, OWNER_CONTROL(two, SHM_LOCK, size));
	/* So does somebody else's unlocking. */
	ASSERT_EQ(0, shmctl(two, SHM_UNLOCK, NULL));
	one = SEGMENT(0600);
	EXPECT_EQ(0, OWNER_CONTROL(one, SHM_LOCK, size));
	/* What root locks is not the owner's. */
	ASSERT_EQ(0, shmctl(one, SHM_UNLOCK, NULL));
	ASSERT_EQ(0, shmctl(one, SHM_LOCK, NULL));
	EXPECT_EQ(0, OWNER_CONTROL(two, SHM_LOCK, size));
}

FIXTURE(huge_perm)
{
	size_t unit;
	long pool;
	long group;
};

FIXTURE_SETUP(huge_perm)
{
	self->pool = -1;
	self->group = -1;
	self->unit = huge_page_size();
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	if (!self->unit)
		SKIP(return, "no hugetlb in this kernel");
	self->pool = huge_pool_get(2);
	ASSERT_LE(0, self->pool);
	self->group = read_long(HUGETLB_SHM_GROUP);
	ASSERT_LE(0, self->group);
}

FIXTURE_TEARDOWN(huge_perm)
{
	shm_remove_all();
	huge_pool_put(self->pool);
	if (self->group >= 0)
		write_file(HUGETLB_SHM_GROUP, "%ld", self->group);
}

#define HUGE_GET(who, in, ...)						\
	AS(who, in, .act = act_get, .id = IPC_PRIVATE, .size = self->unit, \
	   .flags = IPC_CREAT | SHM_HUGETLB | 0600, __VA_ARGS__)

TEST_F(huge_perm, creation)
{
	long reserved = meminfo("HugePages_Rsvd");

	ASSERT_EQ(0, write_file(HUGETLB_SHM_GROUP, "0"));
	EXPECT_EQ(EPERM, HUGE_GET(OWNER, GROUP, .memlock = 0));
	/* The limit for locked memory has not been a way in since 6.1. */
	EXPECT_EQ(EPERM, HUGE_GET(OWNER, GROUP, .memlock = 2 * self->unit));
	EXPECT_EQ(reserved, meminfo("HugePages_Rsvd"));
	EXPECT_EQ(0, sysvipc_count());
	EXPECT_EQ(0, HUGE_GET(OWNER, GROUP, .caps = 1UL << CAP_IPC_LOCK));

	ASSERT_EQ(0, write_file(HUGETLB_SHM_GROUP, "%d", GROUP));
	EXPECT_EQ(0, HUGE_GET(OWNER, GROUP));
	EXPECT_EQ(EPERM, HUGE_GET(OWNER, OTHER_GROUP));
	EXPECT_EQ(2, sysvipc_count());
}

/* The rule is SysV's alone: anybody may make a memfd of huge pages. */
TEST_F(huge_perm, memfd_has_no_such_rule)
{
	ASSERT_EQ(0, write_file(HUGETLB_SHM_GROUP, "0"));
	EXPECT_EQ(0, AS(OWNER, GROUP, .act = act_memfd, .size = self->unit,
			.flags = MFD_HUGETLB));
}

/* Huge pages never leave memory: locking is checked, and does nothing. */
TEST_F(huge_perm, lock)
{
	struct shmid_ds ds;
	int id;

	id = shmget(IPC_PRIVATE, self->unit, IPC_CREAT | SHM_HUGETLB | 0600);
	ASSERT_LE(0, id);
	EXPECT_EQ(EPERM, AS(STRANGER, GROUP, .act = act_control, .id = id,
			    .flags = SHM_LOCK));
	EXPECT_EQ(0, shmctl(id, SHM_LOCK, NULL));
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(0, ds.shm_perm.mode & SHM_LOCKED);
	EXPECT_EQ(0, shmctl(id, SHM_UNLOCK, NULL));
	EXPECT_EQ(0, shmctl(id, IPC_RMID, NULL));
}

TEST_HARNESS_MAIN
