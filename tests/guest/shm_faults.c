// SPDX-License-Identifier: GPL-2.0
/*
 * What reading an already populated segment costs: faults are counted, so
 * the answer is the same on any machine.
 *
 * Stock's wrapper around a segment has no map_pages: every page is a fault of
 * its own. A memfd maps 16 pages a fault.
 */
#include "harness.h"

#define SIZE	(64 * MIB)
/* One fault for 16 pages, and some for folios that somebody has locked. */
#define ENOUGH	(SIZE / 4096 / 16 + 16)

static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static long faults_of_reading(const char *mem)
{
	size_t page = sysconf(_SC_PAGESIZE);
	long before = minor_faults();
	size_t i;

	for (i = 0; i < SIZE; i += page)
		__atomic_load_n(mem + i, __ATOMIC_RELAXED);
	return minor_faults() - before;
}

static long faults_of_writing(char *mem, char value)
{
	size_t page = sysconf(_SC_PAGESIZE);
	long before = minor_faults();
	size_t i;

	for (i = 0; i < SIZE; i += page)
		__atomic_store_n(mem + i, value, __ATOMIC_RELAXED);
	return minor_faults() - before;
}

FIXTURE(faults)
{
	char old[32];
};

FIXTURE_SETUP(faults)
{
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	/* Huge pages would hide what is counted. */
	if (!choice_read(SHMEM_ENABLED, self->old, sizeof(self->old)))
		ASSERT_EQ(0, write_file(SHMEM_ENABLED, "deny"));
	if (sysconf(_SC_PAGESIZE) != 4096)
		SKIP(return, "the numbers are for pages of 4 KiB");
}

FIXTURE_TEARDOWN(faults)
{
	shm_remove_all();
	if (self->old[0])
		write_file(SHMEM_ENABLED, "%s", self->old);
}

TEST_F(faults, memfd_maps_around)
{
	char *mem;
	int fd;

	fd = memfd_create("faults", 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, SIZE));
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, SIZE);
	ASSERT_EQ(0, munmap(mem, SIZE));
	mem = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_GE(ENOUGH, faults_of_reading(mem));
}

TEST_F(faults, ported_segment_maps_around)
{
	char *mem;
	int id;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel takes a fault a page");
	id = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
	ASSERT_LE(0, id);
	mem = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, mem);
	memset(mem, 1, SIZE);
	ASSERT_EQ(0, shmdt(mem));
	mem = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, mem);
	EXPECT_GE(ENOUGH, faults_of_reading(mem));
	EXPECT_EQ(1, mem[SIZE - 1]);
}

/* A memfd takes a fault for each page that is written to */
TEST_F(faults, ported_segment_maps_around_writes)
{
	char *mem;
	int id, i;

	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel takes a fault a page");
	id = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
	ASSERT_LE(0, id);
	mem = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, mem);
	memset(mem, 1, SIZE);
	ASSERT_EQ(0, shmdt(mem));
	mem = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, mem);
	EXPECT_GE(ENOUGH, faults_of_writing(mem, 2));
	for (i = 0; i < SIZE; i += 4096) {
		EXPECT_EQ(2, mem[i]);
		EXPECT_EQ(1, mem[i + 1]);
	}
}

TEST_HARNESS_MAIN
