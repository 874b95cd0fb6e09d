// SPDX-License-Identifier: GPL-2.0
/*
 * Big keys, whose payload lies in an object of its own, encrypted, and may go
 * to swap.
 */
#include "harness.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>

#include "fail.h"

/* What add_key() takes, and what the type has no object for */
#define LARGEST	(MIB - 1)
#define LARGE	(MIB / 2)
#define SMALL	64

static long add_key(const char *name, const void *payload, size_t len)
{
	return syscall(__NR_add_key, "big_key", name, payload, len,
		       KEY_SPEC_PROCESS_KEYRING);
}

static long keyctl(int operation, long a, long b, long c, long d)
{
	return syscall(__NR_keyctl, operation, a, b, c, d);
}

static long key_read(long key, void *buf, size_t len)
{
	return keyctl(KEYCTL_READ, key, (long)buf, len, 0);
}

/* Who has been revoked is collected later */
static void key_drop(long key)
{
	keyctl(KEYCTL_UNLINK, key, KEY_SPEC_PROCESS_KEYRING, 0, 0);
}

/* The payloads' objects, as the table of objects has them; in kB */
struct key_objects {
	int count;
	long size;
	long resident;
	long swapped;
};

static struct key_objects key_objects(void)
{
	struct key_objects all = {}, one;
	char line[512];
	FILE *f = fopen(ANON_OBJECTS, "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "big_key shmem %*d %ld %ld %ld", &one.size,
			   &one.resident, &one.swapped) != 3)
			continue;
		all.count++;
		all.size += one.size;
		all.resident += one.resident;
		all.swapped += one.swapped;
	}
	if (f)
		fclose(f);
	return all;
}

static bool key_objects_settle(int count)
{
	int tries;

	for (tries = 0; tries < 200; tries++) {
		if (key_objects().count == count)
			return true;
		usleep(100000);
	}
	return false;
}

FIXTURE(keys)
{
	char *payload;
	char *back;
	int objects;
};

FIXTURE_SETUP(keys)
{
	self->payload = malloc(MIB);
	self->back = malloc(MIB);
	ASSERT_NE(NULL, self->payload);
	ASSERT_NE(NULL, self->back);
	pattern_fill(self->payload, MIB, 1);
	if (syscall(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
		SKIP(return, "no keys in this kernel");
	if (add_key("probe", "x", 1) < 0 && errno == ENODEV)
		SKIP(return, "no big keys in this kernel");
	kernel_is_ported();
	/* The keys of the test before are collected some time after it */
	key_objects_settle(0);
	self->objects = key_objects().count;
}

FIXTURE_TEARDOWN(keys)
{
	keyctl(KEYCTL_CLEAR, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0);
	free(self->payload);
	free(self->back);
}

/* Of each size, what was put in comes out. */
TEST_F(keys, sizes)
{
	static const size_t sizes[] = {
		1, SMALL, 4095, 4096, 4097, 65536 + 16, LARGEST - 1, LARGEST,
	};
	unsigned int i;
	long key;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		key = add_key("sizes", self->payload, sizes[i]);
		ASSERT_LE(0, key) TH_LOG("%zu bytes", sizes[i]);
		/* It says how much there is, and gives all or nothing */
		EXPECT_EQ((long)sizes[i], key_read(key, NULL, 0));
		memset(self->back, 0, MIB);
		if (sizes[i] > 1) {
			EXPECT_EQ((long)sizes[i], key_read(key, self->back, 1));
			EXPECT_EQ(0, self->back[0]);
		}
		EXPECT_EQ((long)sizes[i], key_read(key, self->back, MIB));
		EXPECT_EQ(0, memcmp(self->back, self->payload, sizes[i]));
		key_drop(key);
	}
	EXPECT_EQ(-1, add_key("sizes", self->payload, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, add_key("sizes", self->payload, LARGEST + 1));
	EXPECT_EQ(EINVAL, errno);
}

/* An object is there for what is large, and goes with the key */
TEST_F(keys, objects)
{
	long small, large;

	if (!kernel_is_ported())
		SKIP(return, "no table of objects on a stock kernel");
	small = add_key("small", self->payload, SMALL);
	ASSERT_LE(0, small);
	EXPECT_EQ(self->objects, key_objects().count);
	large = add_key("large", self->payload, 65536);
	ASSERT_LE(0, large);
	EXPECT_EQ(self->objects + 1, key_objects().count);
	/* With the authentication tag, and in whole pages */
	EXPECT_EQ(65, key_objects().size);
	EXPECT_EQ((long)(64 + PAGE / 1024), key_objects().resident);
	key_drop(large);
	EXPECT_TRUE(key_objects_settle(self->objects));
	key_drop(small);
}

/* A payload that has been replaced is not what is read, nor is it kept. */
TEST_F(keys, update)
{
	long key = add_key("update", self->payload, LARGE);

	ASSERT_LE(0, key);
	pattern_fill(self->payload, LARGE, 2);
	/* Adding it once more is an update; KEYCTL_UPDATE takes up to a page */
	EXPECT_EQ(key, add_key("update", self->payload, 65536));
	EXPECT_EQ(65536, key_read(key, self->back, MIB));
	EXPECT_EQ(0, pattern_check(self->back, 65536, 2));
	if (kernel_is_ported())
		EXPECT_TRUE(key_objects_settle(self->objects + 1));
	EXPECT_EQ(0, keyctl(KEYCTL_UPDATE, key, (long)self->payload, SMALL, 0));
	EXPECT_EQ(SMALL, key_read(key, self->back, MIB));
	if (kernel_is_ported())
		EXPECT_TRUE(key_objects_settle(self->objects));
}

/* What is revoked cannot be read, and its memory is free at once. */
TEST_F(keys, revoke)
{
	long shmem, key;

	shmem = meminfo("Shmem");
	key = add_key("revoke", self->payload, LARGE);
	ASSERT_LE(0, key);
	EXPECT_TRUE(meminfo_settles("Shmem", shmem + LARGE / 1024, 64));
	EXPECT_EQ(0, keyctl(KEYCTL_REVOKE, key, 0, 0, 0));
	EXPECT_EQ(-1, key_read(key, self->back, MIB));
	EXPECT_EQ(EKEYREVOKED, errno);
	EXPECT_TRUE(meminfo_settles("Shmem", shmem, 64));
	if (kernel_is_ported())
		EXPECT_EQ(0, key_objects().resident);
}

/* The payload goes to swap, and what is read then is the same. */
TEST_F(keys, swap)
{
	struct cgroup cg;
	long key, in;
	int tries;

	ASSERT_TRUE(zram_on());
	ASSERT_EQ(0, cgroup_enter(&cg, "keys"));
	key = add_key("swap", self->payload, LARGE);
	ASSERT_LE(0, key);
	for (tries = 0; tries < 100; tries++) {
		cgroup_reclaim(&cg, 2 * LARGE);
		if (cgroup_read(&cg, "memory.stat", "shmem") == 0)
			break;
	}
	EXPECT_EQ(0, cgroup_read(&cg, "memory.stat", "shmem"));
	if (kernel_is_ported())
		EXPECT_EQ((long)(LARGE + PAGE) / 1024, key_objects().swapped);
	in = vmstat("pswpin");
	EXPECT_EQ((long)LARGE, key_read(key, self->back, MIB));
	EXPECT_EQ(0, pattern_check(self->back, LARGE, 1));
	EXPECT_LE((long)(LARGE / PAGE), vmstat("pswpin") - in);
	key_drop(key);
	cgroup_leave(&cg);
	zram_off();
}

/* In user space's name, up to the quota, each of them with its own payload */
static int up_to_the_quota(void *arg)
{
	static long keys[1000];
	size_t len = 65536;
	char name[32];
	char *buf = malloc(len);
	int i, nr;

	if (!buf || setuid(65534) ||
	    keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0)
		return 1;
	for (nr = 0; nr < (int)ARRAY_SIZE(keys); nr++) {
		snprintf(name, sizeof(name), "quota %d", nr);
		pattern_fill(buf, len, nr);
		keys[nr] = add_key(name, buf, len);
		if (keys[nr] < 0)
			break;
	}
	if (errno != EDQUOT || nr < 10)
		return 2;
	for (i = 0; i < nr; i++)
		if (key_read(keys[i], buf, len) != (long)len ||
		    pattern_check(buf, len, i))
			return 3;
	return 0;
}

TEST_F(keys, quota)
{
	EXPECT_EQ(0, in_child(up_to_the_quota, NULL));
	if (kernel_is_ported())
		EXPECT_TRUE(key_objects_settle(self->objects));
}

struct key_call {
	const char *payload;
	char *back;
	long key;
};

static int call_add(void *arg)
{
	struct key_call *call = arg;

	call->key = add_key("fail", call->payload, 16 * PAGE);
	return call->key < 0 ? -errno : 0;
}

static void call_drop(void *arg)
{
	key_drop(((struct key_call *)arg)->key);
}

static int call_read(void *arg)
{
	struct key_call *call = arg;
	long ret = key_read(call->key, call->back, MIB);

	return ret < 0 ? -errno : 0;
}

/* Each allocation fails once: it is said, and nothing is left of it. */
TEST_F(keys, no_memory)
{
	/* ENOSPC: no inode */
	static const int nomem[] = { ENOMEM, ENOSPC, 0 };
	static const struct fail_call add = {
		.call = call_add, .undo = call_drop, .errors = nomem,
	};
	static const struct fail_call read = {
		.prepare = call_add, .call = call_read, .finish = call_drop,
		.errors = nomem,
	};
	struct key_call call = { .payload = self->payload, .back = self->back };

	if (!fail_init())
		SKIP(return, "no allocations can fail in this kernel");
	EXPECT_FAILS_WELL(&add, &call, 4);
	EXPECT_FAILS_WELL(&read, &call, 1);
	if (kernel_is_ported())
		EXPECT_TRUE(key_objects_settle(self->objects));
}

TEST_HARNESS_MAIN
