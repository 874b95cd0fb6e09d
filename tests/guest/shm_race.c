// SPDX-License-Identifier: GPL-2.0
/*
 * What may come in between: the end of a segment and that of its last attach,
 * swapoff and whatever else is done to an object, and memory that is moved or
 * taken away and pinned. One of the two is stopped where the other matters.
 */
#include "harness.h"

#include <sys/ioctl.h>
#include <sys/swap.h>

#include "anon_object_device.h"
#include "race.h"

#define SIZE		(64 * PAGE)
#define MEMORY		"/sys/devices/system/memory"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

/* --- segments ------------------------------------------------------------- */

FIXTURE(segment)
{
	int stop;		/* the device */
	int id;
	char *mem;
	long shmem;
};

FIXTURE_SETUP(segment)
{
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": this is a stock kernel");
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	self->stop = race_device();
	ASSERT_LE(0, self->stop);
	self->shmem = meminfo("Shmem");
	self->id = shmget(IPC_PRIVATE, 4 * MIB, IPC_CREAT | 0600);
	ASSERT_LE(0, self->id);
	self->mem = shmat(self->id, NULL, 0);
	ASSERT_NE(SHM_FAILED, self->mem);
	pattern_fill(self->mem, 4 * MIB, 1);
}

/* Whoever was first: there is nothing left. */
FIXTURE_TEARDOWN(segment)
{
	EXPECT_EQ(0, sysvipc_count());
	EXPECT_TRUE(meminfo_settles("Shmem", self->shmem, 1024));
	shm_remove_all();
	close(self->stop);
}

static int detach(void *arg)
{
	FIXTURE_DATA(segment) *self = arg;

	return shmdt(self->mem) ? -errno : 0;
}

static int attach(void *arg)
{
	FIXTURE_DATA(segment) *self = arg;
	char *mem = shmat(self->id, NULL, 0);

	if (mem == SHM_FAILED)
		return -errno;
	return pattern_check(mem, 4 * MIB, 1) || shmdt(mem) ? -EIO : 0;
}

static int remove_id(void *arg)
{
	FIXTURE_DATA(segment) *self = arg;

	return shmctl(self->id, IPC_RMID, NULL) ? -errno : 0;
}

/* The last attach is about to go: who removes it leaves the rest to that. */
TEST_F(segment, removed_amid_shmdt)
{
	struct race race;

	STOP(&race, self->stop, "shm_close", false, detach, self);
	ASSERT_EQ(0, shmdt(self->mem));
	EXPECT_EQ(1, shm_nattch(self->id));
	EXPECT_EQ(0, remove_id(self));
	EXPECT_EQ(1, shm_nattch(self->id));
	race_go(self->stop);
	EXPECT_EQ(0, race_finish(&race));
}

static int attach_last(void *arg)
{
	FIXTURE_DATA(segment) *self = arg;

	self->mem = shmat(self->id, NULL, 0);
	if (self->mem == SHM_FAILED)
		return -errno;
	return remove_id(self) ? -errno : detach(self);
}

/* It is going, and the segment with it: who removes that waits, for nothing. */
TEST_F(segment, removed_amid_last_close)
{
	struct race race, remover;

	ASSERT_EQ(0, shmdt(self->mem));
	STOP(&race, self->stop, "ipc_rcu_putref", false, attach_last, self);
	ASSERT_EQ(0, race_start(&remover, remove_id, self));
	EXPECT_FALSE(race_over(&remover, 500));
	EXPECT_EQ(-EINVAL, attach(self));
	race_go(self->stop);
	EXPECT_EQ(0, race_finish(&race));
	EXPECT_EQ(-EINVAL, race_finish(&remover));
}

/* The attach is counted before it is there. */
TEST_F(segment, removed_amid_shmat)
{
	struct race race;

	STOP(&race, self->stop, "anon_object_view", false, attach, self);
	ASSERT_EQ(0, shmdt(self->mem));
	EXPECT_EQ(0, remove_id(self));
	EXPECT_LE(1, shm_nattch(self->id));
	race_go(self->stop);
	EXPECT_EQ(0, race_finish(&race));
}

TEST_F(segment, attached_amid_removal)
{
	struct race race;

	ASSERT_EQ(0, shmdt(self->mem));
	STOP(&race, self->stop, "anon_object_put", false, remove_id, self);
	EXPECT_NE(0, attach(self));
	EXPECT_EQ(0, sysvipc_count());
	race_go(self->stop);
	EXPECT_EQ(0, race_finish(&race));
}

/* --- objects -------------------------------------------------------------- */

struct object {
	int stop;		/* the device, for stopping somebody */
	int dev, other;		/* and twice with the object */
	int view;
	char *mem;
};

static struct anon_test_range all(void)
{
	return (struct anon_test_range){ .len = SIZE };
}

static int range_ioctl(int dev, unsigned long cmd)
{
	struct anon_test_range range = all();
	int ret = ioctl(dev, cmd, &range);

	return ret < 0 ? -errno : 0;
}

static struct anon_test_stat stat_of(struct object *o)
{
	struct anon_test_stat stat = {};

	ioctl(o->dev, ANON_TEST_STAT, &stat);
	return stat;
}

static bool object_make(struct object *o)
{
	struct anon_test_create create = { .size = SIZE, .huge = 1 };
	struct anon_test_view view = { .flags = O_RDWR };

	o->stop = race_device();
	o->dev = race_device();
	o->other = race_device();
	if (o->stop < 0 || o->dev < 0 || o->other < 0 ||
	    ioctl(o->dev, ANON_TEST_CREATE, &create))
		return false;
	o->view = ioctl(o->dev, ANON_TEST_VIEW, &view);
	if (o->view < 0 || ioctl(o->other, ANON_TEST_ADOPT, o->view))
		return false;
	o->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, o->view,
		      0);
	if (o->mem == MAP_FAILED)
		return false;
	pattern_fill(o->mem, SIZE, 1);
	return true;
}

static void object_free(struct object *o)
{
	if (o->mem)
		munmap(o->mem, SIZE);
	close(o->view);
	close(o->other);
	close(o->dev);
	close(o->stop);
}

/* Is what a device sees of its pin what has been written? */
static bool pin_holds(struct object *o)
{
	static char buf[64 * 1024];
	struct anon_test_copy copy = {
		.len = sizeof(buf),
		.buf = (uintptr_t)buf,
	};

	return !ioctl(o->other, ANON_TEST_READ_PIN, &copy) &&
	       !memcmp(buf, o->mem, sizeof(buf));
}

/* --- swapoff -------------------------------------------------------------- */

enum { KEPT, ZERO, GONE };

FIXTURE(swapoff)
{
	struct object o;
	bool zram;
};

FIXTURE_VARIANT(swapoff)
{
	unsigned long cmd;
	int left;		/* of the contents */
};

#define OP(name, ioctl_cmd, contents)					\
FIXTURE_VARIANT_ADD(swapoff, name)					\
{									\
	.cmd = ioctl_cmd,						\
	.left = contents,						\
}

OP(pin, ANON_TEST_PIN, KEPT);
OP(unpin, ANON_TEST_UNPIN, KEPT);
OP(prefetch, ANON_TEST_PREFETCH, KEPT);
OP(swap_out, ANON_TEST_SWAP_OUT, KEPT);
OP(truncate, ANON_TEST_TRUNCATE, ZERO);
OP(punch, ANON_TEST_PUNCH, ZERO);
OP(purge, ANON_TEST_EMPTY, GONE);

FIXTURE_SETUP(swapoff)
{
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": this is a stock kernel");
	stay_here();
	self->zram = zram_on();
	ASSERT_TRUE(self->zram);
	ASSERT_TRUE(object_make(&self->o));
}

FIXTURE_TEARDOWN(swapoff)
{
	if (self->zram)
		zram_off();
	object_free(&self->o);
}

static int swap_off(void *arg)
{
	return swapoff("/dev/zram0") ? -errno : 0;
}

struct op {
	struct object *o;
	unsigned long cmd;
};

static int do_op(void *arg)
{
	struct op *op = arg;

	if (op->cmd == ANON_TEST_UNPIN || op->cmd == ANON_TEST_EMPTY)
		return ioctl(op->o->other, op->cmd) ? -errno : 0;
	return range_ioctl(op->o->other, op->cmd);
}

/* All of it out, but for what a pin of the first page keeps */
static bool push_out(struct object *o, bool pinned)
{
	struct anon_test_range page = { .len = PAGE };
	__u64 want = pinned ? SIZE - PAGE : SIZE;
	int tries;

	if (pinned && ioctl(o->other, ANON_TEST_PIN, &page))
		return false;
	for (tries = 0; tries < 100 && stat_of(o).swapped < want; tries++)
		range_ioctl(o->dev, ANON_TEST_SWAP_OUT);
	return stat_of(o).swapped == want;
}

static void check_left(struct __test_metadata *_metadata, struct object *o,
		       int left)
{
	char *zero = calloc(1, SIZE);

	switch (left) {
	case KEPT:
		EXPECT_EQ(0, pattern_check(o->mem, SIZE, 1));
		break;
	case ZERO:
		EXPECT_EQ(0, memcmp(o->mem, zero, SIZE));
		break;
	case GONE:
		EXPECT_EQ(0, stat_of(o).resident);
		EXPECT_EQ(SIGBUS, read_signal(o->mem));
		break;
	}
	EXPECT_EQ(0, stat_of(o).swapped);
	free(zero);
}

/* swapoff is stopped where it has a page, and whatever comes does all it can */
static void meet(struct __test_metadata *_metadata, struct object *o,
		 unsigned long cmd, int left, const char *function)
{
	struct op op = { .o = o, .cmd = cmd };
	struct race race, other;

	ASSERT_TRUE(push_out(o, cmd == ANON_TEST_UNPIN));
	STOP(&race, o->stop, function, false, swap_off, NULL);
	ASSERT_EQ(0, race_start(&other, do_op, &op));
	race_over(&other, 500);
	race_go(o->stop);
	EXPECT_EQ(0, race_finish(&other));
	EXPECT_EQ(0, race_finish(&race));

	/* To other swap, perhaps */
	if (cmd == ANON_TEST_SWAP_OUT)
		EXPECT_EQ(0, range_ioctl(o->dev, ANON_TEST_PREFETCH));
	if (cmd == ANON_TEST_PIN) {
		EXPECT_EQ(SIZE, stat_of(o).pinned);
		EXPECT_TRUE(pin_holds(o));
		EXPECT_EQ(-EBUSY, range_ioctl(o->dev, ANON_TEST_PUNCH));
		EXPECT_EQ(0, ioctl(o->other, ANON_TEST_UNPIN));
	}
	check_left(_metadata, o, left);
	EXPECT_EQ(0, stat_of(o).pinned);
}

TEST_F(swapoff, finds_entry)
{
	meet(_metadata, &self->o, variant->cmd, variant->left,
	     "shmem_swapin_folio");
}

TEST_F(swapoff, adds_page)
{
	meet(_metadata, &self->o, variant->cmd, variant->left,
	     "shmem_add_to_page_cache");
}

/* --- moved ---------------------------------------------------------------- */

FIXTURE(moved)
{
	struct object o;
};

FIXTURE_SETUP(moved)
{
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": this is a stock kernel");
	ASSERT_TRUE(object_make(&self->o));
}

FIXTURE_TEARDOWN(moved)
{
	object_free(&self->o);
}

static int pin(void *arg)
{
	struct object *o = arg;

	return range_ioctl(o->other, ANON_TEST_PIN);
}

static int soft_offline(void *arg)
{
	struct object *o = arg;

	return madvise(o->mem, PAGE, MADV_SOFT_OFFLINE) ? -errno : 0;
}

/* The physical page that is mapped, 0 if that cannot be had */
static __u64 pfn_of(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry = 0;

	if (pread(fd, &entry, 8, (uintptr_t)addr / PAGE * 8) != 8)
		entry = 0;
	close(fd);
	return entry & ((1ULL << 55) - 1);
}

/* A pin waits for who moves a page, and is of what that has become. */
TEST_F(moved, pinned_amid_migration)
{
	struct race mover, pinner;
	__u64 before;

	before = pfn_of(self->o.mem);
	ASSERT_NE(0, before);
	STOP(&mover, self->o.stop, "migrate_folio", false, soft_offline,
	     &self->o);
	ASSERT_EQ(0, race_start(&pinner, pin, &self->o));
	EXPECT_FALSE(race_over(&pinner, 500));
	race_go(self->o.stop);
	EXPECT_EQ(0, race_finish(&pinner));
	/* Who waits has a reference, and may keep the page where it is */
	race_finish(&mover);

	EXPECT_EQ(0, pattern_check(self->o.mem, SIZE, 1));
	EXPECT_TRUE(pin_holds(&self->o));
	EXPECT_EQ(SIZE, stat_of(&self->o).pinned);
	/* From now on it stays */
	before = pfn_of(self->o.mem);
	EXPECT_NE(0, soft_offline(&self->o));
	EXPECT_EQ(before, pfn_of(self->o.mem));
	EXPECT_TRUE(pin_holds(&self->o));
}

/* Compaction in the middle of a pin leaves that what it has. */
TEST_F(moved, compacted_amid_pin)
{
	struct race race;

	ASSERT_EQ(0, range_ioctl(self->o.dev, ANON_TEST_TRUNCATE));
	STOP(&race, self->o.stop, "anon_shmem_fill_hole", true, pin, &self->o);
	ASSERT_EQ(0, write_file("/proc/sys/vm/compact_memory", "1"));
	race_go(self->o.stop);
	EXPECT_EQ(0, race_finish(&race));
	pattern_fill(self->o.mem, SIZE, 1);
	EXPECT_TRUE(pin_holds(&self->o));
	ASSERT_EQ(0, write_file("/proc/sys/vm/compact_memory", "1"));
	EXPECT_EQ(0, pattern_check(self->o.mem, SIZE, 1));
	EXPECT_TRUE(pin_holds(&self->o));
}

/* --- taken away ----------------------------------------------------------- */

FIXTURE(unplug)
{
	struct object o;
	unsigned long block, size;	/* of memory: its number, in bytes */
	char state[64];
	char *filler;
};

FIXTURE_VARIANT(unplug)
{
	const char *online;
	const char *function;	/* where the end of it is stopped */
	bool stays;		/* what is pinned, and the block with it */
};

/* It waits for what was pinned before, whatever it is that goes */
FIXTURE_VARIANT_ADD(unplug, begins)
{
	.online = "online_kernel",
	.function = "start_isolate_page_range",
	.stays = true,
};

/* What has begun to go is no memory to be pinned */
FIXTURE_VARIANT_ADD(unplug, isolated)
{
	.online = "online_kernel",
	.function = "memory_notify",
};

FIXTURE_VARIANT_ADD(unplug, moves)
{
	.online = "online_kernel",
	.function = "migrate_folio",
};

/* Nor is what was made to go one day */
FIXTURE_VARIANT_ADD(unplug, movable_begins)
{
	.online = "online_movable",
	.function = "start_isolate_page_range",
};

FIXTURE_VARIANT_ADD(unplug, movable_moves)
{
	.online = "online_movable",
	.function = "migrate_folio",
};

#define FILLER	(1024 * MIB)

static int offline(void *state)
{
	/* What is pinned in it would be waited for */
	alarm(60);
	return write_file(state, "offline");
}

/* A block of memory that can go, and has come again with nothing in it */
static bool find_block(FIXTURE_DATA(unplug) *self, const char *online)
{
	char size[32];
	int nr;

	if (read_file(MEMORY "/block_size_bytes", size, sizeof(size)))
		return false;
	self->size = strtoull(size, NULL, 16);
	for (nr = 64; nr > 0; nr--) {
		snprintf(self->state, sizeof(self->state),
			 MEMORY "/memory%d/state", nr);
		self->block = nr;
		if (!access(self->state, F_OK) &&
		    !in_child(offline, self->state))
			return !write_file(self->state, "%s", online);
	}
	return false;
}

static bool in_block(FIXTURE_DATA(unplug) *self, const char *mem)
{
	return pfn_of(mem) * PAGE / self->size == self->block;
}

/* Use up memory, until what is next is in the block */
static void fill(FIXTURE_DATA(unplug) *self)
{
	size_t pos;

	self->filler = mmap(NULL, FILLER, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	madvise(self->filler, FILLER, MADV_NOHUGEPAGE);
	for (pos = 0; pos < FILLER; pos += PAGE) {
		self->filler[pos] = 1;
		/* Now and then: it takes longer than the page does */
		if (!(pos % MIB) && in_block(self, self->filler + pos))
			break;
	}
}

FIXTURE_SETUP(unplug)
{
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": this is a stock kernel");
	/* Not into that block with its module */
	close(race_device());
	if (!find_block(self, variant->online)) {
		self->state[0] = '\0';
		SKIP(return, "no memory can be taken away here");
	}
	fill(self);
	ASSERT_TRUE(object_make(&self->o));
	ASSERT_TRUE(in_block(self, self->o.mem));
	/* Its page tables may be there, and would stay */
	munmap(self->filler, FILLER);
}

FIXTURE_TEARDOWN(unplug)
{
	if (!self->state[0])
		return;
	object_free(&self->o);
	in_child(offline, self->state);
	write_file(self->state, "online");
}

/*
 * A pin while memory is being taken away: it stays, for as long as the pin
 * does, or the pin is of memory elsewhere.
 */
TEST_F(unplug, pinned_amid_offline)
{
	struct race race, pinner;

	STOP(&race, self->o.stop, variant->function, false, offline,
	     self->state);
	ASSERT_EQ(0, race_start(&pinner, pin, &self->o));
	race_over(&pinner, 500);
	race_go(self->o.stop);
	EXPECT_EQ(0, race_finish(&pinner));
	EXPECT_EQ(SIZE, stat_of(&self->o).pinned);
	EXPECT_TRUE(pin_holds(&self->o));
	if (variant->stays && race_over(&race, 2000)) {
		/* Some other page cannot be moved just now: not for long, see below */
		EXPECT_EQ(-EBUSY, race_finish(&race));
	} else if (variant->stays) {
		kill(race.pid, SIGTERM);
		EXPECT_EQ(-EINTR, race_finish(&race));
	} else {
		EXPECT_EQ(0, race_finish(&race));
		EXPECT_FALSE(in_block(self, self->o.mem));
	}
	EXPECT_EQ(0, pattern_check(self->o.mem, SIZE, 1));
	EXPECT_TRUE(pin_holds(&self->o));

	ASSERT_EQ(0, ioctl(self->o.other, ANON_TEST_UNPIN));
	if (variant->stays)
		EXPECT_EQ(0, in_child(offline, self->state));
	EXPECT_EQ(0, pattern_check(self->o.mem, SIZE, 1));
	EXPECT_FALSE(in_block(self, self->o.mem));
}

TEST_HARNESS_MAIN
