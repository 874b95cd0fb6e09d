// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a driver gives to an object: who is charged for it, what there is
 * of it where that is too much, and that it goes to swap and comes back.
 */
#include "harness.h"

#include <sys/ioctl.h>

#include "anon_object_device.h"
#include "fail.h"

#define DEVICE	"/dev/anon_object_test"
#define SLAB	"/sys/kernel/debug/failslab/"
#define RW	(PROT_READ | PROT_WRITE)
#define SIZE	(16 * MIB)
/* Values of enum anon_object_huge */
#define NEVER	1

FIXTURE(insert)
{
	struct cgroup creator;
	struct cgroup giver;
	int dev;
	size_t unit;
	char *buf;
};

FIXTURE_VARIANT(insert)
{
	bool large;
};

FIXTURE_VARIANT_ADD(insert, pages)
{
	.large = false,
};

FIXTURE_VARIANT_ADD(insert, large)
{
	.large = true,
};

/* The object is of one cgroup; who gives it memory afterwards is of another */
FIXTURE_SETUP(insert)
{
	struct anon_test_create create = { .size = SIZE, .huge = NEVER };

	self->dev = -1;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no objects");
	self->unit = variant->large ? thp_size() : PAGE;
	if (!self->unit)
		SKIP(return, "no huge pages for shmem in this kernel");
	self->buf = malloc(SIZE);
	ASSERT_NE(NULL, self->buf);
	pattern_fill(self->buf, SIZE, 7);
	ASSERT_TRUE(!access(DEVICE, F_OK) ||
		    !system("modprobe anon_object_device"));
	self->dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, cgroup_enter(&self->creator, "insert-creator"));
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_CREATE, &create));
	ASSERT_EQ(0, cgroup_enter(&self->giver, "insert-giver"));
}

FIXTURE_TEARDOWN(insert)
{
	if (self->dev < 0)
		return;
	close(self->dev);
	cgroup_leave(&self->giver);
	cgroup_leave(&self->creator);
	free(self->buf);
}

static unsigned int order_of(size_t size)
{
	unsigned int order = 0;

	while (PAGE << order < size)
		order++;
	return order;
}

static int insert(FIXTURE_DATA(insert) *self, size_t pos)
{
	struct anon_test_insert in = {
		.pos = pos,
		.order = order_of(self->unit),
		.buf = (uintptr_t)self->buf + pos,
	};

	return ioctl(self->dev, ANON_TEST_INSERT, &in);
}

/* Returns how much has been given, up to all there may be */
static size_t insert_all(FIXTURE_DATA(insert) *self)
{
	size_t pos;

	for (pos = 0; pos < SIZE; pos += self->unit)
		if (insert(self, pos))
			break;
	return pos;
}

static long charged(struct cgroup *cg)
{
	return cgroup_read(cg, "memory.stat", "shmem");
}

static struct anon_test_stat stat_of(FIXTURE_DATA(insert) *self)
{
	struct anon_test_stat stat = {};

	ioctl(self->dev, ANON_TEST_STAT, &stat);
	return stat;
}

/* How many words of the first @size bytes are not what has been given */
static size_t wrong_words(FIXTURE_DATA(insert) *self, size_t size)
{
	struct anon_test_view view = { .flags = O_RDONLY };
	int fd = ioctl(self->dev, ANON_TEST_VIEW, &view);
	void *map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	size_t wrong;

	if (map == MAP_FAILED)
		return SIZE;
	wrong = pattern_check(map, size, 7);
	munmap(map, SIZE);
	close(fd);
	return wrong;
}

/* It is the creator's from then on, and nobody's when it is gone. */
TEST_F(insert, charged_to_the_creator)
{
	ASSERT_EQ(SIZE, insert_all(self));
	EXPECT_EQ(SIZE, stat_of(self).resident);
	EXPECT_EQ(SIZE, charged(&self->creator));
	EXPECT_EQ(0, charged(&self->giver));
	EXPECT_EQ(0, wrong_words(self, SIZE));
	close(self->dev);
	self->dev = open(DEVICE, O_RDWR);
	EXPECT_EQ(0, charged(&self->creator));
}

/* Where the creator may have no more, what is left is the giver's as it was. */
TEST_F(insert, beyond_the_limit)
{
	size_t given;

	ASSERT_EQ(0, cgroup_write(&self->creator, "memory.swap.max", "0"));
	ASSERT_EQ(0, cgroup_write(&self->creator, "memory.max", "10M"));
	given = insert_all(self);
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_LT(0, given);
	EXPECT_GT(10 * MIB, given);
	EXPECT_EQ(given, stat_of(self).resident);
	EXPECT_EQ(given, charged(&self->creator));
	EXPECT_EQ(0, wrong_words(self, given));

	ASSERT_EQ(0, cgroup_write(&self->creator, "memory.max", "max"));
	for (; given < SIZE; given += self->unit)
		ASSERT_EQ(0, insert(self, given));
	EXPECT_EQ(0, wrong_words(self, SIZE));
}

/* What says that all of this process is to fail, once that is on */
static int slab_faults(void)
{
	if (write_file(SLAB "task-filter", "Y") ||
	    write_file(SLAB "times", "-1") ||
	    write_file(SLAB "probability", "100"))
		return -1;
	return open("/proc/self/make-it-fail", O_WRONLY);
}

/* Nor is it any different where the object's tree cannot grow. */
TEST_F(insert, no_memory_for_the_tree)
{
	int faults, err;

	if (!fail_init())
		SKIP(return, "no allocations can fail in this kernel");
	faults = slab_faults();
	ASSERT_EQ(1, write(faults, "1", 1));
	err = insert(self, SIZE / 2) ? errno : 0;
	ASSERT_EQ(1, write(faults, "0", 1));
	close(faults);
	EXPECT_EQ(0, write_file(SLAB "probability", "0"));
	EXPECT_EQ(0, write_file(SLAB "task-filter", "N"));
	EXPECT_EQ(ENOMEM, err);
	EXPECT_EQ(0, stat_of(self).resident);
	EXPECT_EQ(0, charged(&self->creator));
	EXPECT_EQ(SIZE, insert_all(self));
	EXPECT_EQ(0, wrong_words(self, SIZE));
}

/* Reclaim finds it, like any other memory of the object's. */
TEST_F(insert, reclaimed)
{
	int tries;

	ASSERT_TRUE(zram_on());
	ASSERT_EQ(SIZE, insert_all(self));
	for (tries = 0; tries < 100 && charged(&self->creator); tries++)
		cgroup_reclaim(&self->creator, SIZE);
	EXPECT_EQ(0, charged(&self->creator));
	EXPECT_EQ(SIZE, stat_of(self).swapped);
	EXPECT_EQ(0, wrong_words(self, SIZE));
	zram_off();
}

TEST_HARNESS_MAIN
