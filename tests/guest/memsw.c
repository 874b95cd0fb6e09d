// SPDX-License-Identifier: GPL-2.0
/*
 * cgroup v1 charges memory and swap together: what an object has counts once,
 * wherever it is.
 */
#include "harness.h"

#include <sys/ioctl.h>
#include <sys/mount.h>

#include "anon_object_device.h"

#define DEVICE	"/dev/anon_object_test"
#define MOUNT	"/run/memsw"
#define GROUP	MOUNT "/test"
#define SIZE	(8 * MIB)
#define SLACK	MIB
/* Values of enum anon_object_huge */
#define NEVER	1
#define ALWAYS	2

FIXTURE(memsw)
{
	int dev;
	int fd;
	char *mem;
	bool mounted;
	bool zram;
};

FIXTURE_VARIANT(memsw)
{
	unsigned int huge;
};

FIXTURE_VARIANT_ADD(memsw, small)
{
	.huge = NEVER,
};

FIXTURE_VARIANT_ADD(memsw, large)
{
	.huge = ALWAYS,
};

static long usage(void)
{
	return read_long(GROUP "/memory.usage_in_bytes");
}

static long usage_with_swap(void)
{
	return read_long(GROUP "/memory.memsw.usage_in_bytes");
}

static bool is_about(long value, long want)
{
	return value >= 0 && value > want - (long)SLACK &&
	       value < want + (long)SLACK;
}

/* Processors have some pages of their own, and groups of v2 take time to go */
static bool settles(long (*value)(void), long want)
{
	const struct timespec tick = { .tv_nsec = 100 * 1000 * 1000 };
	int tries;

	for (tries = 0; tries < 100 && !is_about(value(), want); tries++)
		nanosleep(&tick, NULL);
	return is_about(value(), want);
}

static int mount_v1(void)
{
	const struct timespec tick = { .tv_nsec = 100 * 1000 * 1000 };
	int tries, err = 0;

	write_file("/sys/fs/cgroup/cgroup.subtree_control", "-memory");
	mkdir(MOUNT, 0755);
	for (tries = 0; tries < 100; tries++) {
		err = mount("cgroup", MOUNT, "cgroup", 0, "memory") ? errno : 0;
		if (err != EBUSY)
			break;
		nanosleep(&tick, NULL);
	}
	return err;
}

FIXTURE_SETUP(memsw)
{
	struct anon_test_create create = {
		.size = SIZE,
		.huge = variant->huge,
	};
	struct anon_test_view view = { .flags = O_RDWR };
	int err;

	self->dev = -1;
	self->mem = NULL;
	self->mounted = false;
	self->zram = false;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no objects");
	if (variant->huge == ALWAYS && !thp_size())
		SKIP(return, "no huge pages for shmem in this kernel");
	err = mount_v1();
	if (err == EINVAL || err == ENOENT || err == ENODEV)
		SKIP(return, "no memory controller of cgroup v1");
	ASSERT_EQ(0, err);
	self->mounted = true;
	if (access(MOUNT "/memory.memsw.usage_in_bytes", F_OK)) {
		umount(MOUNT);
		SKIP(return, "no memory controller of cgroup v1");
	}
	self->zram = zram_on();
	ASSERT_TRUE(self->zram);
	/* What other processors have in batches does not go to swap */
	stay_here();

	/* Not at the group's charge */
	self->mem = malloc(SIZE);
	ASSERT_NE(NULL, self->mem);
	pattern_fill(self->mem, SIZE, 5);
	ASSERT_TRUE(!access(DEVICE, F_OK) ||
		    !system("modprobe anon_object_device"));
	ASSERT_TRUE(!mkdir(GROUP, 0755) || errno == EEXIST);
	ASSERT_EQ(0, write_file(GROUP "/cgroup.procs", "%d", getpid()));
	self->dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_CREATE, &create));
	self->fd = ioctl(self->dev, ANON_TEST_VIEW, &view);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, write_file(MOUNT "/cgroup.procs", "%d", getpid()));
}

FIXTURE_TEARDOWN(memsw)
{
	if (self->dev >= 0) {
		close(self->fd);
		close(self->dev);
	}
	free(self->mem);
	if (self->zram)
		zram_off();
	if (!self->mounted)
		return;
	write_file(MOUNT "/cgroup.procs", "%d", getpid());
	rmdir(GROUP);
	umount(MOUNT);
}

TEST_F(memsw, counts_once)
{
	const struct anon_test_range all = { .len = SIZE };
	struct anon_test_stat stat = {};
	int tries;

	EXPECT_EQ((ssize_t)SIZE, pwrite(self->fd, self->mem, SIZE, 0));
	EXPECT_TRUE(settles(usage, SIZE))
		TH_LOG("%ld in memory", usage());
	EXPECT_TRUE(settles(usage_with_swap, SIZE));

	for (tries = 0; tries < 100 && stat.swapped < SIZE; tries++) {
		ASSERT_LE(0, ioctl(self->dev, ANON_TEST_SWAP_OUT, &all));
		ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_STAT, &stat));
	}
	EXPECT_EQ(SIZE, stat.swapped);
	EXPECT_TRUE(settles(usage, 0))
		TH_LOG("%ld in memory when swapped", usage());
	EXPECT_TRUE(settles(usage_with_swap, SIZE))
		TH_LOG("%ld with swap when swapped", usage_with_swap());

	memset(self->mem, 0, SIZE);
	EXPECT_EQ((ssize_t)SIZE, pread(self->fd, self->mem, SIZE, 0));
	EXPECT_EQ(0, pattern_check(self->mem, SIZE, 5));
	EXPECT_TRUE(settles(usage, SIZE))
		TH_LOG("%ld in memory when read back", usage());
	EXPECT_TRUE(settles(usage_with_swap, SIZE))
		TH_LOG("%ld with swap when read back", usage_with_swap());

	EXPECT_EQ(0, ioctl(self->dev, ANON_TEST_PURGE));
	EXPECT_TRUE(settles(usage, 0));
	EXPECT_TRUE(settles(usage_with_swap, 0))
		TH_LOG("%ld with swap when purged", usage_with_swap());
}

TEST_HARNESS_MAIN
