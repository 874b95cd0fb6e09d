// SPDX-License-Identifier: GPL-2.0
/*
 * SysV shm on a kernel without SHMEM and HUGETLBFS, where ramfs is behind it:
 * it works, with the errors that it always had there. So do objects and views,
 * and but for swap and large folios they are what they are elsewhere.
 *
 * On other kernels this has nothing to test.
 */
#include "harness.h"

#include <pthread.h>
#include <sys/ioctl.h>

#include "anon_object_device.h"

#define DEVICE	"/dev/anon_object_test"

/* Values of enum anon_object_backend and enum anon_object_huge */
#define SHMEM		0
#define AUTO		2
#define HUGE_SYSTEM	0
#define HUGE_NEVER	1
#define HUGE_ALWAYS	2
#define HUGE_ADVISE	4

#define SIZE	(64 * 1024)

FIXTURE(tiny)
{
	int id;
	char *mem;
};

static bool has_swap_backing(void)
{
	struct stat st;

	return !stat("/proc/sys/vm/nr_hugepages", &st) ||
	       !stat("/proc/swaps", &st);
}

FIXTURE_SETUP(tiny)
{
	self->id = -1;
	if (has_swap_backing())
		SKIP(return, "this kernel has swap or huge pages");
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	self->id = shmget(IPC_PRIVATE, SIZE, 0600);
	ASSERT_LE(0, self->id);
	self->mem = shmat(self->id, NULL, 0);
	ASSERT_NE(SHM_FAILED, self->mem);
}

FIXTURE_TEARDOWN(tiny)
{
	if (self->id >= 0)
		shmctl(self->id, IPC_RMID, NULL);
}

TEST_F(tiny, shared_by_fork_and_attach)
{
	char *again;
	int status;
	pid_t pid;

	pattern_fill(self->mem, SIZE, 1);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (pattern_check(self->mem, SIZE, 1))
			_exit(1);
		pattern_fill(self->mem, SIZE, 2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	again = shmat(self->id, NULL, SHM_RDONLY);
	ASSERT_NE(SHM_FAILED, again);
	EXPECT_EQ(0, pattern_check(again, SIZE, 2));
	EXPECT_EQ(2, shm_nattch(self->id));
	EXPECT_EQ(0, shmdt(again));
	EXPECT_EQ(0, shmdt(self->mem));
	EXPECT_EQ(0, shm_nattch(self->id));
}

TEST_F(tiny, huge_pages_do_not_exist)
{
	EXPECT_EQ(EINVAL, ERRNO_OF(shmget(IPC_PRIVATE, SIZE,
					  0600 | SHM_HUGETLB)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmget(IPC_PRIVATE, SIZE, 0600 |
					  SHM_HUGETLB |
					  21 << SHM_HUGE_SHIFT)));
}

TEST_F(tiny, lock_is_a_flag)
{
	struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };
	struct shmid_ds ds;

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_EQ(0, shmctl(self->id, SHM_LOCK, NULL));
	ASSERT_EQ(0, shmctl(self->id, IPC_STAT, &ds));
	EXPECT_EQ(SHM_LOCKED, ds.shm_perm.mode & SHM_LOCKED);
	EXPECT_EQ(0, shmctl(self->id, SHM_UNLOCK, NULL));
	ASSERT_EQ(0, shmctl(self->id, IPC_STAT, &ds));
	EXPECT_EQ(0, ds.shm_perm.mode & SHM_LOCKED);
}

TEST_F(tiny, proc_shows_what_is_resident)
{
	struct sysvipc row;

	pattern_fill(self->mem, SIZE / 2, 3);
	ASSERT_EQ(0, sysvipc_read(self->id, &row));
	EXPECT_EQ(SIZE, row.size);
	EXPECT_EQ(SIZE / 2, row.rss);
	EXPECT_EQ(0, row.swap);
}

TEST_F(tiny, removed_with_the_last_attach)
{
	struct sysvipc row;

	EXPECT_EQ(0, shmctl(self->id, IPC_RMID, NULL));
	self->mem[0] = 1;
	EXPECT_EQ(0, sysvipc_read(self->id, &row));
	EXPECT_EQ(0, shmdt(self->mem));
	EXPECT_EQ(-ENOENT, sysvipc_read(self->id, &row));
	self->id = -1;
}

FIXTURE(tiny_object)
{
	int dev;
	size_t page;
};

static int create(int dev, unsigned int backend, unsigned int huge)
{
	struct anon_test_create create = {
		.size = SIZE,
		.backend = backend,
		.huge = huge,
	};

	return ioctl(dev, ANON_TEST_CREATE, &create);
}

static int view(int dev, int flags)
{
	struct anon_test_view view = { .flags = flags };

	return ioctl(dev, ANON_TEST_VIEW, &view);
}

FIXTURE_SETUP(tiny_object)
{
	self->dev = -1;
	if (has_swap_backing())
		SKIP(return, "this kernel has swap or huge pages");
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	self->page = sysconf(_SC_PAGESIZE);
	self->dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(tiny_object)
{
	if (self->dev >= 0)
		close(self->dev);
}

/* There is one policy, by two names. */
TEST_F(tiny_object, never_huge)
{
	unsigned int huge;

	for (huge = HUGE_ALWAYS; huge <= HUGE_ADVISE; huge++)
		EXPECT_EQ(EOPNOTSUPP,
			  ERRNO_OF(create(self->dev, SHMEM, huge)));
	EXPECT_EQ(0, create(self->dev, SHMEM, HUGE_NEVER));
}

TEST_F(tiny_object, auto_is_ramfs)
{
	EXPECT_EQ(0, create(self->dev, AUTO, HUGE_SYSTEM));
	EXPECT_LE(0, view(self->dev, O_RDWR));
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : st.st_size;
}

/* A view is as large as its object, by whatever way somebody tries. */
TEST_F(tiny_object, size_is_sealed)
{
	char path[64], c = 0;
	int ro, rw;

	ASSERT_EQ(0, create(self->dev, SHMEM, HUGE_NEVER));
	ro = view(self->dev, O_RDONLY);
	rw = view(self->dev, O_RDWR);
	ASSERT_LE(0, ro);
	ASSERT_LE(0, rw);
	ASSERT_EQ(1, pwrite(rw, "s", 1, SIZE - 1));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ro);
	EXPECT_EQ(EPERM, ERRNO_OF(truncate(path, 0)));
	EXPECT_EQ(EPERM, ERRNO_OF(truncate(path, SIZE * 2)));
	EXPECT_EQ(0, truncate(path, SIZE));
	EXPECT_EQ(EPERM, ERRNO_OF(ftruncate(rw, SIZE / 2)));
	EXPECT_EQ(EPERM, ERRNO_OF(ftruncate(rw, SIZE * 2)));
	EXPECT_EQ(ENOSPC, ERRNO_OF(pwrite(rw, "x", 1, SIZE)));
	EXPECT_EQ(SIZE, size_of(rw));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, SIZE + self->page, PROT_READ,
				   MAP_SHARED, rw, 0));
	EXPECT_EQ(1, pread(ro, &c, 1, SIZE - 1));
	EXPECT_EQ('s', c);
}

TEST_F(tiny_object, reopening_gives_nothing)
{
	char path[64];
	int ro;

	ASSERT_EQ(0, create(self->dev, SHMEM, HUGE_NEVER));
	ro = view(self->dev, O_RDONLY);
	ASSERT_LE(0, ro);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ro);
	EXPECT_EQ(EACCES, ERRNO_OF(open(path, O_RDWR)));
	EXPECT_EQ(EACCES, ERRNO_OF(open(path, O_RDONLY)));
}

/* Who may open a segment's file cannot make it larger by writing either. */
TEST_F(tiny, file_does_not_grow)
{
	struct map map;
	char path[96];
	int fd;

	ASSERT_EQ(0, map_find(self->mem, &map));
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", map.start,
		 map.end);
	fd = open(path, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pwrite(fd, "g", 1, SIZE - 1));
	EXPECT_EQ('g', self->mem[SIZE - 1]);
	EXPECT_EQ(EPERM, ERRNO_OF(pwrite(fd, "g", 1, SIZE)));
	EXPECT_EQ(EPERM, ERRNO_OF(ftruncate(fd, 0)));
	EXPECT_EQ(SIZE, size_of(fd));
	close(fd);
}

/* Nothing goes to swap, so all of it is there. */
TEST_F(tiny_object, swaps_nothing)
{
	struct anon_test_range all = { .len = SIZE };
	struct anon_test_stat stat;
	char *mem;
	int fd;

	ASSERT_EQ(0, create(self->dev, SHMEM, HUGE_NEVER));
	fd = view(self->dev, O_RDWR);
	ASSERT_LE(0, fd);
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 4);
	EXPECT_EQ(EOPNOTSUPP, ERRNO_OF(ioctl(self->dev, ANON_TEST_SWAP_OUT,
					     &all)));
	EXPECT_EQ(0, ioctl(self->dev, ANON_TEST_PREFETCH, &all));
	EXPECT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED));
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_STAT, &stat));
	EXPECT_EQ(SIZE, stat.resident);
	EXPECT_EQ(0, pattern_check(mem, SIZE, 4));
}

/* Memory that was not accounted for is not given back to the account. */
TEST_F(tiny_object, purge_and_the_account)
{
	long before = meminfo("Committed_AS");
	char *mem;
	int fd;

	ASSERT_EQ(0, create(self->dev, SHMEM, HUGE_NEVER));
	fd = view(self->dev, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, pwrite(fd, "p", 1, 0));
	mem = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, read_signal(mem));
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_EMPTY));
	EXPECT_EQ(SIGBUS, read_signal(mem));
	EXPECT_EQ(0, size_of(fd));
	munmap(mem, SIZE);
	close(fd);
	close(self->dev);
	self->dev = -1;
	EXPECT_TRUE(meminfo_settles("Committed_AS", before, SIZE / 4 / 1024));
}

#define RACED	(16 * MIB)

struct race {
	size_t page;
	size_t at;		/* what both are at */
	int fd;
};

/* What a page shows that somebody else is just allocating. */
static void *read_along(void *arg)
{
	struct race *race = arg;
	char *buf = malloc(race->page);
	size_t at, i, bad = 0;

	do {
		at = __atomic_load_n(&race->at, __ATOMIC_ACQUIRE);
		if (at >= RACED)
			break;
		pread(race->fd, buf, race->page, at);
		for (i = 0; i < race->page; i++)
			bad += buf[i] && buf[i] != 'w';
	} while (1);
	free(buf);
	return (void *)bad;
}

/* A page that is being cleared is not read. */
TEST_F(tiny_object, reads_wait_for_zeroes)
{
	struct anon_test_create create = { .size = RACED, .huge = HUGE_NEVER };
	struct race race = { .page = self->page };
	pthread_t reader;
	void *junk, *bad;

	/* Memory that does not happen to be clear */
	junk = mmap(NULL, 4 * RACED, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, junk);
	memset(junk, 0xff, 4 * RACED);
	munmap(junk, 4 * RACED);

	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_CREATE, &create));
	race.fd = view(self->dev, O_RDWR);
	ASSERT_LE(0, race.fd);
	ASSERT_EQ(0, pthread_create(&reader, NULL, read_along, &race));
	for (; race.at < RACED;
	     __atomic_fetch_add(&race.at, race.page, __ATOMIC_RELEASE))
		ASSERT_EQ(1, pwrite(race.fd, "w", 1, race.at));
	ASSERT_EQ(0, pthread_join(reader, &bad));
	EXPECT_EQ(NULL, bad);
}

TEST_HARNESS_MAIN
