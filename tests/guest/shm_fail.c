// SPDX-License-Identifier: GPL-2.0
/*
 * Segments and memfds where memory is short: each call with the first of its
 * allocations failing, then the second, and so on.  What it says is an error
 * that the manual has, and nothing is left of it.
 */
#include "harness.h"

#include <linux/udmabuf.h>
#include <sys/ioctl.h>

#include "fail.h"

FIXTURE(segment)
{
	size_t size;
	int flags;
	long pool;
	int id;
	int fd;
	int dev;
	char *mem;
	char *room;
};

FIXTURE_VARIANT(segment)
{
	int flags;
};

FIXTURE_VARIANT_ADD(segment, plain)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(segment, huge)
{
	.flags = SHM_HUGETLB,
};

FIXTURE_SETUP(segment)
{
	self->pool = -1;
	self->id = -1;
	if (!fail_init())
		SKIP(return, "no allocations can fail in this kernel");
	/* A namespace, so that there are no segments of others */
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	self->size = 16 * PAGE;
	self->flags = variant->flags;
	if (variant->flags) {
		self->size = huge_page_size();
		ASSERT_NE(0, self->size);
		self->pool = huge_pool_get(2);
		ASSERT_LE(0, self->pool);
	}
}

FIXTURE_TEARDOWN(segment)
{
	shm_remove_all();
	huge_pool_put(self->pool);
}

static const int nomem[] = { ENOMEM, 0 };

#define SELF	FIXTURE_DATA(segment) *self = arg

static int errno_of(bool ok)
{
	return ok ? 0 : -errno;
}

static int make(void *arg)
{
	SELF;

	self->id = shmget(IPC_PRIVATE, self->size,
			  IPC_CREAT | 0600 | self->flags);
	return errno_of(self->id >= 0);
}

static void drop(void *arg)
{
	SELF;

	shmctl(self->id, IPC_RMID, NULL);
}

TEST_F(segment, shmget)
{
	static const int errors[] = { ENOMEM, ENOSPC, ENFILE, 0 };
	const struct fail_call call = {
		.call = make,
		.undo = drop,
		.errors = errors,
	};

	EXPECT_FAILS_WELL(&call, self, 3);
}

static int attach(void *arg)
{
	SELF;

	self->mem = shmat(self->id, NULL, 0);
	return errno_of(self->mem != SHM_FAILED);
}

static void detach(void *arg)
{
	SELF;

	shmdt(self->mem);
}

TEST_F(segment, shmat)
{
	static const int errors[] = { ENOMEM, ENFILE, 0 };
	const struct fail_call call = {
		.prepare = make,
		.call = attach,
		.undo = detach,
		.finish = drop,
		.errors = errors,
	};

	EXPECT_FAILS_WELL(&call, self, 3);
}

static int make_attached(void *arg)
{
	int err = make(arg);

	return err ? err : attach(arg);
}

static void detach_and_drop(void *arg)
{
	detach(arg);
	drop(arg);
}

/* What a process touches is there in the end, whichever allocation failed. */
static int touch(void *arg)
{
	SELF;

	pattern_fill(self->mem, self->size, 1);
	return pattern_check(self->mem, self->size, 1) ? -EIO : 0;
}

TEST_F(segment, first_fault)
{
	const struct fail_call call = {
		.prepare = make_attached,
		.call = touch,
		.finish = detach_and_drop,
		.errors = nomem,
	};

	EXPECT_FAILS_WELL(&call, self, 1);
}

static int make_touched(void *arg)
{
	int err = make_attached(arg);

	return err ? err : touch(arg);
}

static int make_swapped(void *arg)
{
	int err, tries;
	SELF;

	stay_here();
	err = make_touched(arg);
	for (tries = 0; !err && tries < 100; tries++) {
		if (madvise(self->mem, self->size, MADV_PAGEOUT))
			return -errno;
		if (!smaps_kb(self->mem, "Rss"))
			return 0;
	}
	return err ? err : -ETIME;
}

static int check(void *arg)
{
	SELF;

	return pattern_check(self->mem, self->size, 1) ? -EIO : 0;
}

TEST_F(segment, fault_from_swap)
{
	const struct fail_call call = {
		.prepare = make_swapped,
		.call = check,
		.finish = detach_and_drop,
		.errors = nomem,
	};

	if (variant->flags)
		SKIP(return, "huge pages are not swapped");
	if (!zram_on())
		SKIP(return, "no zram in this kernel");
	EXPECT_FAILS_WELL(&call, self, 16);
	zram_off();
}

static int swap_out(void *arg)
{
	SELF;

	return errno_of(!madvise(self->mem, self->size, MADV_PAGEOUT));
}

static void still_there(void *arg)
{
	SELF;

	if (pattern_check(self->mem, self->size, 1))
		abort();
}

TEST_F(segment, going_to_swap)
{
	const struct fail_call call = {
		.prepare = make_touched,
		.call = swap_out,
		.undo = still_there,
		.finish = detach_and_drop,
		.errors = nomem,
	};

	if (variant->flags)
		SKIP(return, "huge pages are not swapped");
	EXPECT_FAILS_WELL(&call, self, 1);
}

/* The child's end is seen by the counters. */
static int fork_one(void *arg)
{
	pid_t pid;
	SELF;

	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(pattern_check(self->mem, self->size, 1) ? 1 : 0);
	waitpid(pid, NULL, 0);
	return 0;
}

TEST_F(segment, fork)
{
	static const int errors[] = { ENOMEM, EAGAIN, 0 };
	const struct fail_call call = {
		.prepare = make_touched,
		.call = fork_one,
		.finish = detach_and_drop,
		.errors = errors,
	};

	EXPECT_FAILS_WELL(&call, self, 3);
}

/* Without its middle, which takes two mappings in the place of one. */
static int detach_middle(void *arg)
{
	SELF;

	return errno_of(!munmap(self->mem + PAGE, PAGE));
}

TEST_F(segment, split)
{
	const struct fail_call call = {
		.prepare = make_attached,
		.call = detach_middle,
		.finish = detach_and_drop,
		.errors = nomem,
	};

	if (variant->flags)
		SKIP(return, "there is but one page");
	EXPECT_FAILS_WELL(&call, self, 1);
}

static char *aligned(char *room, size_t size)
{
	return room + size - (uintptr_t)room % size;
}

static int move(void *arg)
{
	void *to;
	SELF;

	to = mremap(self->mem, self->size, self->size,
		    MREMAP_MAYMOVE | MREMAP_FIXED,
		    aligned(self->room, self->size));
	if (to == MAP_FAILED)
		return -errno;
	self->mem = to;
	return 0;
}

static int make_touched_and_room(void *arg)
{
	SELF;

	self->room = mmap(NULL, 2 * self->size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return self->room == MAP_FAILED ? -errno : make_touched(arg);
}

static void drop_with_room(void *arg)
{
	SELF;

	detach_and_drop(arg);
	munmap(self->room, 2 * self->size);
}

TEST_F(segment, mremap)
{
	const struct fail_call call = {
		.prepare = make_touched_and_room,
		.call = move,
		.finish = drop_with_room,
		.errors = nomem,
	};

	EXPECT_FAILS_WELL(&call, self, 1);
}

/* Asking and locking allocate as on stock, if at all. */
static int control(void *arg)
{
	struct shmid_ds ds;
	SELF;

	if (shmctl(self->id, IPC_STAT, &ds) ||
	    shmctl(self->id, IPC_SET, &ds) ||
	    shmctl(self->id, SHM_LOCK, NULL) ||
	    shmctl(self->id, SHM_UNLOCK, NULL))
		return -errno;
	return ds.shm_segsz == self->size ? 0 : -EIO;
}

TEST_F(segment, shmctl)
{
	const struct fail_call call = {
		.prepare = make_touched,
		.call = control,
		.finish = detach_and_drop,
		.errors = nomem,
	};

	EXPECT_FAILS_WELL(&call, self, 0);
}

static int remove_it(void *arg)
{
	SELF;

	return errno_of(!shmdt(self->mem) &&
			!shmctl(self->id, IPC_RMID, NULL));
}

TEST_F(segment, shmdt_and_rmid)
{
	const struct fail_call call = {
		.prepare = make_touched,
		.call = remove_it,
		.finish = detach_and_drop,
		.errors = nomem,
	};

	EXPECT_FAILS_WELL(&call, self, 0);
}

static int make_memfd(void *arg)
{
	SELF;

	self->fd = memfd_create("fail", self->flags ? MFD_HUGETLB : 0);
	return errno_of(self->fd >= 0);
}

static void close_memfd(void *arg)
{
	SELF;

	close(self->fd);
}

TEST_F(segment, memfd_create)
{
	static const int errors[] = { ENOMEM, ENFILE, ENOSPC, 0 };
	const struct fail_call call = {
		.call = make_memfd,
		.undo = close_memfd,
		.errors = errors,
	};

	EXPECT_FAILS_WELL(&call, self, 3);
}

static int fill_memfd(void *arg)
{
	int err = 0;
	SELF;

	if (ftruncate(self->fd, self->size) ||
	    fallocate(self->fd, 0, 0, self->size))
		return -errno;
	self->mem = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, 0);
	if (self->mem == MAP_FAILED)
		return -errno;
	err = touch(arg);
	munmap(self->mem, self->size);
	return err;
}

TEST_F(segment, memfd_fill)
{
	static const int errors[] = { ENOMEM, ENOSPC, 0 };
	const struct fail_call call = {
		.prepare = make_memfd,
		.call = fill_memfd,
		.finish = close_memfd,
		.errors = errors,
	};

	EXPECT_FAILS_WELL(&call, self, 3);
}

/* What a device has pinned of a memfd, with what is missing made for it */
static int make_sealed(void *arg)
{
	SELF;

	self->fd = memfd_create("fail", MFD_ALLOW_SEALING |
				(self->flags ? MFD_HUGETLB : 0));
	return errno_of(self->fd >= 0 && !ftruncate(self->fd, self->size) &&
			!fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK));
}

static int pin_memfd(void *arg)
{
	struct udmabuf_create create = {};
	SELF;

	create.memfd = self->fd;
	create.size = self->size;
	self->id = ioctl(self->dev, UDMABUF_CREATE, &create);
	return errno_of(self->id >= 0);
}

static void unpin_memfd(void *arg)
{
	SELF;

	close(self->id);
	self->id = -1;
}

TEST_F(segment, memfd_pin)
{
	static const int errors[] = { ENOMEM, ENFILE, ENOSPC, 0 };
	const struct fail_call call = {
		.prepare = make_sealed,
		.call = pin_memfd,
		.undo = unpin_memfd,
		.finish = close_memfd,
		.errors = errors,
	};

	self->dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (self->dev < 0)
		SKIP(return, "no /dev/udmabuf in this kernel");
	EXPECT_FAILS_WELL(&call, self, 3);
	close(self->dev);
}

/* Growing by reservations, and by what is touched without them */
static int grow_memfd(void *arg)
{
	int err;
	SELF;

	if (ftruncate(self->fd, self->size))
		return -errno;
	self->mem = mmap(NULL, self->size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_NORESERVE, self->fd, 0);
	if (self->mem == MAP_FAILED)
		return -errno;
	err = touch(arg);
	munmap(self->mem, self->size);
	return err;
}

TEST_F(segment, memfd_grow)
{
	const struct fail_call call = {
		.prepare = make_memfd,
		.call = grow_memfd,
		.finish = close_memfd,
		.errors = nomem,
	};

	EXPECT_FAILS_WELL(&call, self, 3);
}

TEST_HARNESS_MAIN
