// SPDX-License-Identifier: GPL-2.0
/*
 * SysV shared memory as userspace sees it: create, attach, detach, fork,
 * exec, exit and removal, and everything that counts attachments, on each
 * kind of memory that can back a segment.
 *
 * Every test runs in an IPC namespace of its own: ids, limits and sysctls are
 * its own, and whatever a failing test leaves behind goes with it.
 */
#include "harness.h"

#define KEY	0x5e6a0001

/* Units in a segment: enough for a head, a middle and a tail. */
#define UNITS	4

FIXTURE(shm)
{
	size_t unit;
	size_t size;
	long pool;
	char thp[32];
};

FIXTURE_VARIANT(shm)
{
	int flags;
	bool huge;
	bool thp;
};

FIXTURE_VARIANT_ADD(shm, page)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(shm, thp)
{
	.flags = 0,
	.thp = true,
};

FIXTURE_VARIANT_ADD(shm, huge)
{
	.flags = SHM_HUGETLB,
	.huge = true,
};

FIXTURE_VARIANT_ADD(shm, huge_2m)
{
	.flags = SHM_HUGETLB | (21 << SHM_HUGE_SHIFT),
	.huge = true,
};

FIXTURE_SETUP(shm)
{
	self->pool = -1;
	self->unit = sysconf(_SC_PAGESIZE);

	ASSERT_EQ(0, unshare(CLONE_NEWIPC));

	if (variant->huge) {
		if (!huge_page_size())
			SKIP(return, "no hugetlb in this kernel");
		if (variant->flags != SHM_HUGETLB &&
		    access("/sys/kernel/mm/hugepages/hugepages-2048kB", F_OK))
			SKIP(return, "no 2 MiB huge pages here");
		self->unit = huge_page_size();
		self->pool = huge_pool_get(3 * UNITS);
		ASSERT_LE(0, self->pool)
			TH_LOG("cannot get %d huge pages", 3 * UNITS);
	}
	if (variant->thp) {
		if (!thp_size())
			SKIP(return, "no huge pages for shmem in this kernel");
		ASSERT_EQ(0, choice_read(SHMEM_ENABLED, self->thp,
					 sizeof(self->thp)));
		ASSERT_EQ(0, write_file(SHMEM_ENABLED, "force"));
		self->unit = thp_size();
	}
	self->size = UNITS * self->unit;
}

FIXTURE_TEARDOWN(shm)
{
	shm_remove_all();
	if (variant->thp && self->thp[0])
		write_file(SHMEM_ENABLED, "%s", self->thp);
	if (variant->huge)
		huge_pool_put(self->pool);
}

#define NEW_SEGMENT() ({						\
	int __id = shmget(IPC_PRIVATE, self->size,			\
			  IPC_CREAT | 0600 | variant->flags);		\
	ASSERT_LE(0, __id);						\
	__id;								\
})

#define ATTACH(id, at, flags) ({					\
	char *__mem = shmat(id, at, flags);				\
	ASSERT_NE(SHM_FAILED, __mem);					\
	__mem;								\
})

/* Where a whole segment fits, aligned to its unit; nothing is mapped there. */
static char *free_range(size_t size, size_t unit)
{
	char *mem = mmap(NULL, size + unit, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t at = (uintptr_t)mem;

	if (mem == MAP_FAILED)
		return NULL;
	munmap(mem, size + unit);
	return (char *)((at + unit - 1) / unit * unit);
}

TEST_F(shm, create_and_find)
{
	int flags = variant->flags | 0600;
	int id;

	EXPECT_EQ(ENOENT, ERRNO_OF(shmget(KEY, self->size, flags)));
	id = shmget(KEY, self->size, flags | IPC_CREAT);
	ASSERT_LE(0, id);
	EXPECT_EQ(id, shmget(KEY, self->size, flags | IPC_CREAT));
	EXPECT_EQ(id, shmget(KEY, self->unit, flags));
	EXPECT_EQ(id, shmget(KEY, 0, 0));
	EXPECT_EQ(EEXIST, ERRNO_OF(shmget(KEY, self->size,
					  flags | IPC_CREAT | IPC_EXCL)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmget(KEY, self->size + 1, flags)));
	EXPECT_NE(id, shmget(IPC_PRIVATE, self->size, flags | IPC_CREAT));
	EXPECT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_EQ(ENOENT, ERRNO_OF(shmget(KEY, self->size, flags)));
}

TEST_F(shm, create_bad_size)
{
	int flags = variant->flags | IPC_CREAT | 0600;

	EXPECT_EQ(EINVAL, ERRNO_OF(shmget(IPC_PRIVATE, 0, flags)));
	ASSERT_EQ(0, write_file("/proc/sys/kernel/shmmax", "%zu", self->size));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmget(IPC_PRIVATE, self->size + 1, flags)));
	EXPECT_LE(0, shmget(IPC_PRIVATE, self->size, flags));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmget(IPC_PRIVATE, SIZE_MAX, flags)));
	EXPECT_EQ(1, sysvipc_count());
}

TEST_F(shm, size_rounds_up)
{
	struct shmid_ds ds;
	struct map map;
	char *mem;
	int id;

	id = shmget(IPC_PRIVATE, 1, IPC_CREAT | 0600 | variant->flags);
	ASSERT_LE(0, id);
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(1, ds.shm_segsz);

	mem = ATTACH(id, NULL, 0);
	ASSERT_EQ(0, map_find(mem, &map));
	EXPECT_EQ(variant->huge ? self->unit : sysconf(_SC_PAGESIZE),
		  map.end - map.start);
	EXPECT_EQ(0, mem[0]);
	EXPECT_EQ(0, mem[map.end - map.start - 1]);
}

TEST_F(shm, fresh_memory_is_zero)
{
	char *mem = ATTACH(NEW_SEGMENT(), NULL, 0);
	size_t i, set = 0;

	for (i = 0; i < self->size; i += 64)
		set += !!mem[i];
	EXPECT_EQ(0, set);
}

TEST_F(shm, contents_shared)
{
	int id = NEW_SEGMENT();
	char *one, *two;

	one = ATTACH(id, NULL, 0);
	two = ATTACH(id, NULL, 0);
	EXPECT_NE(one, two);
	pattern_fill(one, self->size, 1);
	EXPECT_EQ(0, pattern_check(two, self->size, 1));
	two[self->size - 1] ^= 0x55;
	EXPECT_EQ(1, pattern_check(one, self->size, 1));
	EXPECT_EQ(2, shm_nattch(id));
}

TEST_F(shm, contents_survive_detach)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);

	pattern_fill(mem, self->size, 2);
	ASSERT_EQ(0, shmdt(mem));
	EXPECT_EQ(0, shm_nattch(id));
	mem = ATTACH(id, NULL, 0);
	EXPECT_EQ(0, pattern_check(mem, self->size, 2));
}

TEST_F(shm, attach_bad_id)
{
	int id = NEW_SEGMENT();

	EXPECT_EQ(EINVAL, ERRNO_OF(shmat(-1, NULL, 0)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmat(id + 1, NULL, 0)));
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmat(id, NULL, 0)));
}

TEST_F(shm, attach_address)
{
	int id = NEW_SEGMENT();
	char *at = free_range(self->size, self->unit);

	EXPECT_EQ(at, ATTACH(id, at, 0));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmat(id, at, 0)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmat(id, at + self->size - self->unit, 0)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmat(id, NULL, SHM_REMAP)));
	/* Wraps around, and is in the kernel's half. */
	EXPECT_EQ(EINVAL, ERRNO_OF(shmat(id, (void *)-self->unit, 0)));
	EXPECT_EQ(1, shm_nattch(id));
	ASSERT_EQ(0, shmdt(at));
	EXPECT_EQ(0, shm_nattch(id));
}

TEST_F(shm, attach_rounds_down)
{
	int id = NEW_SEGMENT();
	char *at = free_range(self->size, self->unit);

	EXPECT_EQ(EINVAL, ERRNO_OF(shmat(id, at + 123, 0)));
	EXPECT_EQ(at, ATTACH(id, at + 123, SHM_RND));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmat(id, (void *)1UL,
					 SHM_RND | SHM_REMAP)));
	EXPECT_EQ(1, shm_nattch(id));
}

/* Down to 0, for who may map that. */
TEST_F(shm, attach_at_0)
{
	int id = NEW_SEGMENT();

	EXPECT_EQ(NULL, ATTACH(id, (void *)1UL, SHM_RND));
	EXPECT_EQ(1, shm_nattch(id));
	EXPECT_EQ(0, shmdt(NULL));
	EXPECT_EQ(0, shm_nattch(id));
}

/* Who locks all that is mapped has it all at once. */
TEST_F(shm, attach_while_locked)
{
	size_t page = sysconf(_SC_PAGESIZE), nr = self->size / page, i;
	unsigned char *there = malloc(nr);
	char *mem;

	ASSERT_NE(NULL, there);
	ASSERT_EQ(0, mlockall(MCL_FUTURE));
	mem = ATTACH(NEW_SEGMENT(), NULL, 0);
	ASSERT_EQ(0, mincore(mem, self->size, there));
	for (i = 0; i < nr && there[i] & 1; i++)
		;
	EXPECT_EQ(nr, i);
	munlockall();
	free(there);
}

TEST_F(shm, attach_misaligned_for_backing)
{
	int id = NEW_SEGMENT();
	char *at = free_range(self->size + self->unit, self->unit);
	size_t page = sysconf(_SC_PAGESIZE);

	if (variant->huge) {
		EXPECT_EQ(EINVAL, ERRNO_OF(shmat(id, at + page, 0)));
		EXPECT_EQ(0, shm_nattch(id));
	} else {
		EXPECT_EQ(at + page, ATTACH(id, at + page, 0));
		EXPECT_EQ(1, shm_nattch(id));
	}
}

TEST_F(shm, attach_remap)
{
	int first = NEW_SEGMENT();
	int second = NEW_SEGMENT();
	char *mem = ATTACH(first, NULL, 0);

	mem[0] = 1;
	ASSERT_EQ(mem, ATTACH(second, mem, SHM_REMAP));
	EXPECT_EQ(0, mem[0]);
	EXPECT_EQ(0, shm_nattch(first));
	EXPECT_EQ(1, shm_nattch(second));
	mem[0] = 2;
	ASSERT_EQ(mem, ATTACH(first, mem, SHM_REMAP));
	EXPECT_EQ(1, mem[0]);
}

TEST_F(shm, attach_remap_itself)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);

	pattern_fill(mem, self->size, 3);
	ASSERT_EQ(mem, ATTACH(id, mem, SHM_REMAP));
	EXPECT_EQ(1, shm_nattch(id));
	EXPECT_EQ(0, pattern_check(mem, self->size, 3));
}

TEST_F(shm, attach_read_only)
{
	int id = NEW_SEGMENT();
	char *rw = ATTACH(id, NULL, 0);
	char *ro = ATTACH(id, NULL, SHM_RDONLY);
	struct map map;

	rw[0] = 7;
	EXPECT_EQ(7, ro[0]);
	EXPECT_EQ(SIGSEGV, write_signal(ro));
	EXPECT_EQ(0, write_signal(rw));
	ASSERT_EQ(0, map_find(ro, &map));
	EXPECT_STREQ("r--s", map.perms);
	EXPECT_EQ(EACCES, ERRNO_OF(mprotect(ro, self->size,
					    PROT_READ | PROT_WRITE)));
	EXPECT_EQ(2, shm_nattch(id));
}

TEST_F(shm, attach_executable)
{
	int id = shmget(IPC_PRIVATE, self->size,
			IPC_CREAT | 0700 | variant->flags);
	struct map map;
	char *mem;

	ASSERT_LE(0, id);
	mem = ATTACH(id, NULL, SHM_EXEC);
	ASSERT_EQ(0, map_find(mem, &map));
	EXPECT_STREQ("rwxs", map.perms);
	mem = ATTACH(id, NULL, 0);
	EXPECT_EQ(0, mprotect(mem, self->unit,
			      PROT_READ | PROT_WRITE | PROT_EXEC));
}

TEST_F(shm, address_aligned_for_backing)
{
	int id = NEW_SEGMENT();
	int i;

	for (i = 0; i < 5; i++) {
		/* An odd page in front, so that nothing aligns by chance. */
		mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		EXPECT_EQ(0, (uintptr_t)ATTACH(id, NULL, 0) % self->unit);
	}
}

TEST_F(shm, page_size_in_smaps)
{
	char *mem = ATTACH(NEW_SEGMENT(), NULL, 0);
	long want = sysconf(_SC_PAGESIZE);

	if (variant->huge)
		want = self->unit;
	pattern_fill(mem, self->size, 4);
	EXPECT_EQ(want / 1024, smaps_kb(mem, "KernelPageSize"));
	EXPECT_EQ(want / 1024, smaps_kb(mem, "MMUPageSize"));
	EXPECT_EQ(self->size / 1024,
		  smaps_kb(mem, variant->huge ? "Private_Hugetlb" : "Rss"));
	EXPECT_EQ(variant->thp ? self->size / 1024 : 0,
		  smaps_kb(mem, "ShmemPmdMapped"));
}

TEST_F(shm, maps_line)
{
	int id = shmget(KEY, self->size, IPC_CREAT | 0600 | variant->flags);
	int other = NEW_SEGMENT();
	struct map map, second, of_other;
	char *mem, link[64];
	struct stat st;

	ASSERT_LE(0, id);
	mem = ATTACH(id, NULL, 0);
	ASSERT_EQ(0, map_find(mem, &map));
	EXPECT_STREQ("/SYSV5e6a0001 (deleted)", map.name);
	EXPECT_EQ(id, map.inode);
	EXPECT_STREQ("rw-s", map.perms);
	EXPECT_EQ(0, map.offset);
	EXPECT_EQ(self->size, map.end - map.start);
	EXPECT_EQ(0, map.major);
	EXPECT_NE(0, map.minor);

	ASSERT_EQ(0, map_find(ATTACH(id, NULL, 0), &second));
	EXPECT_EQ(map.minor, second.minor);
	EXPECT_EQ(id, second.inode);

	ASSERT_EQ(0, map_find(ATTACH(other, NULL, 0), &of_other));
	EXPECT_STREQ("/SYSV00000000 (deleted)", of_other.name);
	EXPECT_EQ(other, of_other.inode);
	EXPECT_EQ(map.minor, of_other.minor);

	/* What checkpoint/restore looks at. */
	snprintf(link, sizeof(link), "/proc/self/map_files/%lx-%lx",
		 map.start, map.end);
	ASSERT_EQ(0, stat(link, &st));
	EXPECT_EQ(id, st.st_ino);
	EXPECT_EQ(self->size, st.st_size);
	EXPECT_EQ(map.minor, minor(st.st_dev));
	EXPECT_TRUE(S_ISREG(st.st_mode));
}

TEST_F(shm, detach)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);

	EXPECT_EQ(EINVAL, ERRNO_OF(shmdt(mem + 1)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmdt(mem + self->unit)));
	EXPECT_EQ(1, shm_nattch(id));
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(0, shm_nattch(id));
	EXPECT_EQ(0, shm_count_vmas(id));
	EXPECT_EQ(SIGSEGV, read_signal(mem));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmdt(mem)));
}

/*
 * shmdt() must tell a segment from every other mapping, also from those that
 * have the same kind of memory behind them.
 */
TEST_F(shm, detach_of_other_memory)
{
	unsigned int memfd_flags = variant->huge ? MFD_HUGETLB : 0;
	int huge = variant->huge ? MAP_HUGETLB : 0;
	char *anon, *shared, *file;
	int fd;

	anon = mmap(NULL, self->size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | huge, -1, 0);
	ASSERT_NE(MAP_FAILED, anon);
	EXPECT_EQ(EINVAL, ERRNO_OF(shmdt(anon)));
	munmap(anon, self->size);

	shared = mmap(NULL, self->size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | huge, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	EXPECT_EQ(EINVAL, ERRNO_OF(shmdt(shared)));
	munmap(shared, self->size);

	fd = memfd_create("not-a-segment", memfd_flags);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, self->size));
	file = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, 0);
	ASSERT_NE(MAP_FAILED, file);
	EXPECT_EQ(EINVAL, ERRNO_OF(shmdt(file)));
	file[0] = 1;
	EXPECT_EQ(1, file[0]);
}

TEST_F(shm, detach_after_hole)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);

	mem[self->size - 1] = 9;
	ASSERT_EQ(0, munmap(mem + self->unit, self->unit));
	EXPECT_EQ(2, shm_nattch(id));
	EXPECT_EQ(2, shm_count_vmas(id));
	EXPECT_EQ(9, mem[self->size - 1]);
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(0, shm_nattch(id));
	EXPECT_EQ(0, shm_count_vmas(id));
}

TEST_F(shm, detach_without_head)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);

	ASSERT_EQ(0, munmap(mem, self->unit));
	EXPECT_EQ(1, shm_nattch(id));
	/* The address of the segment, though nothing is mapped there. */
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(0, shm_nattch(id));
}

TEST_F(shm, detach_after_mremap)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);
	char *to = free_range(self->size, self->unit);

	pattern_fill(mem, self->size, 5);
	ASSERT_EQ(to, mremap(mem, self->size, self->size,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(1, shm_nattch(id));
	EXPECT_EQ(0, pattern_check(to, self->size, 5));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmdt(mem)));
	EXPECT_EQ(0, shmdt(to));
	EXPECT_EQ(0, shm_nattch(id));
}

TEST_F(shm, detach_after_mprotect)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);

	ASSERT_EQ(0, mprotect(mem + self->unit, self->unit, PROT_READ));
	EXPECT_EQ(3, shm_nattch(id));
	EXPECT_EQ(3, shm_count_vmas(id));
	EXPECT_EQ(SIGSEGV, write_signal(mem + self->unit));
	EXPECT_EQ(0, write_signal(mem + 2 * self->unit));

	/* Merged or not: one count for each VMA. */
	ASSERT_EQ(0, mprotect(mem, self->size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(shm_count_vmas(id), shm_nattch(id));
	mem[self->unit] = 1;

	ASSERT_EQ(0, mprotect(mem, self->unit, PROT_NONE));
	EXPECT_EQ(SIGSEGV, read_signal(mem));
	EXPECT_EQ(shm_count_vmas(id), shm_nattch(id));
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(0, shm_nattch(id));
}

TEST_F(shm, split_off_unit)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);

	if (variant->huge) {
		EXPECT_EQ(EINVAL, ERRNO_OF(munmap(mem, page)));
		EXPECT_EQ(EINVAL, ERRNO_OF(mprotect(mem + page, page,
						    PROT_READ)));
		EXPECT_EQ(1, shm_nattch(id));
	} else {
		EXPECT_EQ(0, munmap(mem + page, page));
		EXPECT_EQ(2, shm_nattch(id));
	}
}

TEST_F(shm, detach_one_of_two)
{
	int id = NEW_SEGMENT();
	char *at = free_range(2 * self->size, self->unit);

	/* Side by side: the end of one is the start of the other. */
	ASSERT_EQ(at, ATTACH(id, at, 0));
	ASSERT_EQ(at + self->size, ATTACH(id, at + self->size, 0));
	EXPECT_EQ(2, shm_nattch(id));
	EXPECT_EQ(2, shm_count_vmas(id));
	at[self->size] = 4;
	EXPECT_EQ(0, shmdt(at));
	EXPECT_EQ(1, shm_nattch(id));
	EXPECT_EQ(4, at[self->size]);
	EXPECT_EQ(0, shmdt(at + self->size));
	EXPECT_EQ(0, shm_nattch(id));
}

/*
 * A piece of another segment, or of another attachment of the same one, at
 * just the right place and offset is not this attachment's: shmdt() leaves it.
 */
TEST_F(shm, detach_leaves_foreign_piece)
{
	int id = NEW_SEGMENT();
	int other = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);
	char *foreign = ATTACH(other, NULL, 0);
	char *again = ATTACH(id, NULL, 0);
	size_t unit = self->unit;

	foreign[unit] = 1;
	again[2 * unit] = 2;
	ASSERT_EQ(mem + unit, mremap(foreign + unit, unit, unit,
				     MREMAP_MAYMOVE | MREMAP_FIXED,
				     mem + unit));
	ASSERT_EQ(mem + 2 * unit, mremap(again + 2 * unit, unit, unit,
					 MREMAP_MAYMOVE | MREMAP_FIXED,
					 mem + 2 * unit));
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(SIGSEGV, read_signal(mem));
	EXPECT_EQ(SIGSEGV, read_signal(mem + 3 * unit));
	EXPECT_EQ(1, mem[unit]);
	EXPECT_EQ(2, mem[2 * unit]);
	EXPECT_EQ(shm_count_vmas(other), shm_nattch(other));
	EXPECT_EQ(shm_count_vmas(id), shm_nattch(id));
}

/* So it does with what is no segment, and with a piece at another's place. */
TEST_F(shm, detach_leaves_other_mappings)
{
	size_t unit = self->unit;
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);

	mem[3 * unit] = 3;
	ASSERT_EQ(mem + 2 * unit, mremap(mem + 3 * unit, unit, unit,
					 MREMAP_MAYMOVE | MREMAP_FIXED,
					 mem + 2 * unit));
	ASSERT_EQ(mem + unit, mmap(mem + unit, unit, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				   -1, 0));
	mem[unit] = 1;
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(SIGSEGV, read_signal(mem));
	EXPECT_EQ(1, mem[unit]);
	EXPECT_EQ(3, mem[2 * unit]);
	EXPECT_EQ(1, shm_nattch(id));
	munmap(mem, self->size);
	EXPECT_EQ(0, shm_nattch(id));
}

TEST_F(shm, mremap_dontunmap_is_refused_or_counted)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);
	char *copy = mremap(mem, self->size, self->size,
			    MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

	EXPECT_EQ(copy == MAP_FAILED ? 1 : 2, shm_nattch(id));
	EXPECT_EQ(shm_count_vmas(id), shm_nattch(id));
}

static int write_and_count(void *arg)
{
	char *mem = arg;

	mem[0] = 42;
	return 0;
}

TEST_F(shm, fork_shares)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);
	int ready[2], go[2], status;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		mem[1] = 1;
		if (write(ready[1], "r", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		_exit(mem[2] != 2);
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	EXPECT_EQ(2, shm_nattch(id));
	EXPECT_EQ(1, mem[1]);
	mem[2] = 2;
	ASSERT_EQ(1, write(go[1], "g", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, shm_nattch(id));
	EXPECT_EQ(0, in_child(write_and_count, mem));
	EXPECT_EQ(42, mem[0]);
	EXPECT_EQ(1, shm_nattch(id));
}

TEST_F(shm, fork_of_pieces)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);
	int hold[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, munmap(mem + self->unit, self->unit));
	ASSERT_EQ(0, pipe(hold));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(hold[1]);
		_exit(read(hold[0], &c, 1) != 0);
	}
	EXPECT_EQ(4, shm_nattch(id));
	ASSERT_EQ(0, shmdt(mem));
	EXPECT_EQ(2, shm_nattch(id));
	close(hold[1]);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, shm_nattch(id));
}

TEST_F(shm, exec_drops)
{
	int id = NEW_SEGMENT();
	int feed[2], execd[2];
	pid_t pid;
	char c;

	ATTACH(id, NULL, 0);
	ASSERT_EQ(0, pipe2(feed, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(execd, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		dup2(feed[0], 0);
		execl("/bin/cat", "cat", NULL);
		_exit(1);
	}
	close(execd[1]);
	/* End of file: exec has closed the write end, the program runs. */
	ASSERT_EQ(0, read(execd[0], &c, 1));
	EXPECT_EQ(1, shm_nattch(id));
	EXPECT_EQ(0, kill(pid, 0));
	close(feed[1]);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(1, shm_nattch(id));
}

TEST_F(shm, exit_and_kill_detach)
{
	int id = NEW_SEGMENT();
	int hold[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(hold));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		char *mem = shmat(id, NULL, 0);

		mem[0] = 3;
		if (write(hold[1], "r", 1) != 1)
			_exit(1);
		pause();
	}
	ASSERT_EQ(1, read(hold[0], &c, 1));
	EXPECT_EQ(1, shm_nattch(id));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, shm_nattch(id));
	EXPECT_EQ(3, *ATTACH(id, NULL, 0));
}

TEST_F(shm, remove_unattached)
{
	int id = NEW_SEGMENT();
	struct shmid_ds ds;

	EXPECT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(id, IPC_STAT, &ds)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(id, IPC_RMID, NULL)));
	EXPECT_EQ(0, sysvipc_count());
}

TEST_F(shm, remove_attached)
{
	int id = shmget(KEY, self->size, IPC_CREAT | 0600 | variant->flags);
	struct shmid_ds ds;
	char *mem, *late;

	ASSERT_LE(0, id);
	mem = ATTACH(id, NULL, 0);
	pattern_fill(mem, self->size, 6);
	EXPECT_EQ(0, shmctl(id, IPC_RMID, NULL));
	ASSERT_EQ(0, shmctl(id, IPC_STAT, &ds));
	EXPECT_EQ(SHM_DEST, ds.shm_perm.mode & SHM_DEST);
	EXPECT_EQ(IPC_PRIVATE, ds.shm_perm.__key);
	EXPECT_EQ(ENOENT, ERRNO_OF(shmget(KEY, 0, 0)));

	/* Linux lets one attach to a removed segment while it lives. */
	late = ATTACH(id, NULL, 0);
	EXPECT_EQ(0, pattern_check(late, self->size, 6));
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(1, shm_nattch(id));
	EXPECT_EQ(0, shmdt(late));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmctl(id, IPC_STAT, &ds)));
	EXPECT_EQ(0, sysvipc_count());
}

TEST_F(shm, remove_then_exit)
{
	int id, status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		id = shmget(KEY, self->size, IPC_CREAT | 0600 | variant->flags);
		if (shmat(id, NULL, 0) == SHM_FAILED ||
		    shmctl(id, IPC_RMID, NULL))
			_exit(1);
		_exit(shm_nattch(id) != 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, sysvipc_count());
}

#define RMID_FORCED	"/proc/sys/kernel/shm_rmid_forced"

struct creation {
	size_t size;
	int flags;
};

static int create_and_exit(void *arg)
{
	struct creation *what = arg;

	return shmget(IPC_PRIVATE, what->size,
		      IPC_CREAT | 0600 | what->flags) < 0;
}

TEST_F(shm, rmid_forced_on_exit)
{
	struct creation what = { self->size, variant->flags };
	int id;
	char *mem;

	ASSERT_EQ(0, write_file(RMID_FORCED, "1"));
	ASSERT_EQ(0, in_child(create_and_exit, &what));
	EXPECT_EQ(0, sysvipc_count());

	id = NEW_SEGMENT();
	EXPECT_EQ(1, sysvipc_count());
	mem = ATTACH(id, NULL, 0);
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(0, sysvipc_count());
}

TEST_F(shm, rmid_forced_collects_orphans)
{
	struct creation what = { self->size, variant->flags };
	int own, attached, i;
	char *mem;

	ASSERT_EQ(0, write_file(RMID_FORCED, "0"));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, in_child(create_and_exit, &what));
	own = shmget(IPC_PRIVATE, sysconf(_SC_PAGESIZE), IPC_CREAT | 0600);
	ASSERT_LE(0, own);
	attached = shmget(IPC_PRIVATE, sysconf(_SC_PAGESIZE),
			  IPC_CREAT | 0600);
	mem = ATTACH(attached, NULL, 0);
	EXPECT_EQ(5, sysvipc_count());

	/* Orphans without attachments go at once; the living stay. */
	ASSERT_EQ(0, write_file(RMID_FORCED, "1"));
	EXPECT_EQ(2, sysvipc_count());
	EXPECT_EQ(0, shm_nattch(own));
	EXPECT_EQ(1, shm_nattch(attached));
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(1, sysvipc_count());
}

/* An orphan that somebody has attached stays until that has been detached. */
TEST_F(shm, rmid_forced_spares_attached_orphans)
{
	int pipes[2], id, status;
	pid_t pid;
	char *mem;

	ASSERT_EQ(0, write_file(RMID_FORCED, "0"));
	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		id = shmget(IPC_PRIVATE, self->size,
			    IPC_CREAT | 0600 | variant->flags);
		_exit(write(pipes[1], &id, sizeof(id)) != sizeof(id));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(sizeof(id), read(pipes[0], &id, sizeof(id)));
	mem = ATTACH(id, NULL, 0);
	ASSERT_EQ(0, write_file(RMID_FORCED, "1"));
	EXPECT_EQ(1, shm_nattch(id));
	EXPECT_EQ(0, mem[0]);
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(0, sysvipc_count());
}

/* An attach that fails is one that has ended. */
TEST_F(shm, rmid_forced_after_failed_attach)
{
	int id = NEW_SEGMENT();
	char *taken = ATTACH(NEW_SEGMENT(), NULL, 0);

	EXPECT_EQ(EINVAL, ERRNO_OF(shmat(id, taken, 0)));
	EXPECT_EQ(2, sysvipc_count());
	ASSERT_EQ(0, write_file(RMID_FORCED, "1"));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmat(id, taken, 0)));
	EXPECT_EQ(1, sysvipc_count());
	EXPECT_EQ(-1, shm_nattch(id));
}

TEST_F(shm, remap_file_pages)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);
	int i;

	for (i = 0; i < UNITS; i++)
		mem[i * self->unit] = i + 1;
	if (ERRNO_OF(remap_file_pages(mem, self->unit, 0, 0, 0)) == ENOSYS)
		SKIP(return, "no remap_file_pages here");
	/* The first unit shows the third, then its own again. */
	ASSERT_EQ(0, remap_file_pages(mem, self->unit, 0,
				      2 * self->unit / page, 0));
	EXPECT_EQ(3, mem[0]);
	EXPECT_EQ(3, mem[2 * self->unit]);
	EXPECT_EQ(shm_count_vmas(id), shm_nattch(id));
	ASSERT_EQ(0, remap_file_pages(mem, self->unit, 0, 0, 0));
	EXPECT_EQ(1, mem[0]);
	EXPECT_EQ(shm_count_vmas(id), shm_nattch(id));
	EXPECT_EQ(0, shmdt(mem));
	EXPECT_EQ(0, shm_nattch(id));
}

/*
 * The emulation unmaps first and maps again: of a removed segment the last
 * attachment goes in between, and the id with it.
 */
TEST_F(shm, remap_file_pages_of_removed)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);

	mem[0] = 1;
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	EXPECT_NE(0, ERRNO_OF(remap_file_pages(mem, self->size, 0, 0, 0)));
	EXPECT_EQ(0, sysvipc_count());
	EXPECT_EQ(0, shm_count_vmas(id));
	EXPECT_EQ(SIGSEGV, read_signal(mem));
}

TEST_F(shm, msync_and_madvise)
{
	char *mem = ATTACH(NEW_SEGMENT(), NULL, 0);

	pattern_fill(mem, self->size, 7);
	EXPECT_EQ(0, msync(mem, self->size, MS_SYNC));
	EXPECT_EQ(0, msync(mem, self->size, MS_ASYNC));
	EXPECT_EQ(0, madvise(mem, self->size, MADV_DONTNEED));
	EXPECT_EQ(0, pattern_check(mem, self->size, 7));
	EXPECT_EQ(0, madvise(mem, self->size, MADV_WILLNEED));
	EXPECT_EQ(0, pattern_check(mem, self->size, 7));
}

TEST_F(shm, madvise_remove)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);
	char *again = ATTACH(id, NULL, 0);
	struct sysvipc before, after;
	size_t unit = self->unit;

	pattern_fill(mem, self->size, 8);
	ASSERT_EQ(0, sysvipc_read(id, &before));
	EXPECT_LT(0, before.rss);
	ASSERT_EQ(0, madvise(mem + unit, unit, MADV_REMOVE));
	ASSERT_EQ(0, sysvipc_read(id, &after));
	EXPECT_EQ(before.rss / UNITS * (UNITS - 1), after.rss);
	EXPECT_EQ(0, mem[unit]);
	EXPECT_EQ(0, again[2 * unit - 1]);
	EXPECT_EQ(0, pattern_check(again, unit, 8));
	EXPECT_EQ(unit / 8, pattern_check(mem, 2 * unit, 8));

	mem = ATTACH(id, NULL, SHM_RDONLY);
	EXPECT_EQ(EACCES, ERRNO_OF(madvise(mem, unit, MADV_REMOVE)));
}

TEST_F(shm, fault_beyond_end)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);
	char *grown = mremap(mem, self->size, self->size + self->unit,
			     MREMAP_MAYMOVE);

	if (variant->huge) {
		/* hugetlb refuses to grow a mapping. */
		EXPECT_EQ(MAP_FAILED, grown);
		EXPECT_EQ(1, shm_nattch(id));
		return;
	}
	ASSERT_NE(MAP_FAILED, grown);
	grown[self->size - 1] = 1;
	EXPECT_EQ(SIGBUS, read_signal(grown + self->size));
	EXPECT_EQ(SIGBUS, write_signal(grown + self->size));
	EXPECT_EQ(1, shm_nattch(id));
	EXPECT_EQ(0, shmdt(grown));
	EXPECT_EQ(shm_count_vmas(id), shm_nattch(id));
}

TEST_F(shm, mlock_and_populate)
{
	int id = NEW_SEGMENT();
	char *mem = ATTACH(id, NULL, 0);
	struct sysvipc row;

	ASSERT_EQ(0, sysvipc_read(id, &row));
	EXPECT_EQ(0, row.rss);
	ASSERT_EQ(0, mlock(mem, self->size));
	ASSERT_EQ(0, sysvipc_read(id, &row));
	EXPECT_LE(self->size, row.rss);
	EXPECT_EQ(0, munlock(mem, self->size));
	EXPECT_EQ(0, shmdt(mem));
}

TEST_F(shm, access_through_proc_mem)
{
	char *mem = ATTACH(NEW_SEGMENT(), NULL, 0);
	char buf[16] = "through-mem";
	int fd;

	fd = open("/proc/self/mem", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(buf), pwrite(fd, buf, sizeof(buf),
				      (off_t)(uintptr_t)(mem + self->unit - 8)));
	EXPECT_STREQ("through-mem", mem + self->unit - 8);
	memset(buf, 0, sizeof(buf));
	ASSERT_EQ(sizeof(buf), pread(fd, buf, sizeof(buf),
				     (off_t)(uintptr_t)(mem + self->unit - 8)));
	EXPECT_STREQ("through-mem", buf);
	close(fd);
}

#define MPOL_BIND		2
#define MPOL_INTERLEAVE		3
#define MPOL_F_ADDR		(1 << 1)

/*
 * A policy set on one attachment of a shmem segment holds for all of them;
 * hugetlb keeps it in the VMA.
 */
TEST_F(shm, numa_policy)
{
	int id = NEW_SEGMENT();
	char *one = ATTACH(id, NULL, 0);
	char *two = ATTACH(id, NULL, 0);
	unsigned long nodes = 1;
	int mode = -1, before = -1;

	if (ERRNO_OF(syscall(SYS_get_mempolicy, &before, NULL, 0, two,
			     MPOL_F_ADDR)) == ENOSYS)
		SKIP(return, "no NUMA in this kernel");
	EXPECT_EQ(0, before);
	ASSERT_EQ(0, syscall(SYS_mbind, one, self->size, MPOL_BIND, &nodes,
			     sizeof(nodes) * 8, 0));
	ASSERT_EQ(0, syscall(SYS_get_mempolicy, &mode, NULL, 0, one,
			     MPOL_F_ADDR));
	EXPECT_EQ(MPOL_BIND, mode);
	ASSERT_EQ(0, syscall(SYS_get_mempolicy, &mode, NULL, 0, two,
			     MPOL_F_ADDR));
	EXPECT_EQ(variant->huge ? 0 : MPOL_BIND, mode);
}

TEST(huge_page_sizes)
{
	const int flags = IPC_CREAT | SHM_HUGETLB | 0600;
	const char *free_1g =
		"/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages";
	int id, err;

	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	/* No machine has huge pages of 8 KiB, or of 2^63 bytes. */
	EXPECT_EQ(EINVAL, ERRNO_OF(shmget(IPC_PRIVATE, 4096,
					  flags | 13 << SHM_HUGE_SHIFT)));
	EXPECT_EQ(EINVAL, ERRNO_OF(shmget(IPC_PRIVATE, 4096, (int)
					  (flags | 63U << SHM_HUGE_SHIFT))));

	err = ERRNO_OF(id = shmget(IPC_PRIVATE, 1UL << 30,
				   flags | 30 << SHM_HUGE_SHIFT));
	if (read_long(free_1g) > 0) {
		EXPECT_LE(0, id);
	} else {
		EXPECT_EQ(-1, id);
		EXPECT_EQ(access(free_1g, F_OK) ? EINVAL : ENOMEM, err);
	}
}

static long pmd_mapped(struct __test_metadata *_metadata, const char *policy,
		       size_t size, size_t touch)
{
	long kb;
	char *mem;
	int id;

	ASSERT_EQ(0, write_file(SHMEM_ENABLED, "%s", policy));
	id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
	ASSERT_LE(0, id);
	mem = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, mem);
	memset(mem, 1, touch);
	kb = smaps_kb(mem, "ShmemPmdMapped");
	ASSERT_EQ(0, shmdt(mem));
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	return kb;
}

FIXTURE(shm_policy)
{
	char old[32];
	size_t size;
};

FIXTURE_SETUP(shm_policy)
{
	self->old[0] = '\0';
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	if (!thp_size())
		SKIP(return, "no huge pages for shmem in this kernel");
	ASSERT_EQ(0, choice_read(SHMEM_ENABLED, self->old, sizeof(self->old)));
	self->size = 2 * thp_size();
}

FIXTURE_TEARDOWN(shm_policy)
{
	shm_remove_all();
	if (self->old[0])
		write_file(SHMEM_ENABLED, "%s", self->old);
}

/* The system's policy for shmem rules over segments as it always did. */
TEST_F(shm_policy, follows_the_system)
{
	long all = self->size / 1024;

	EXPECT_EQ(all, pmd_mapped(_metadata, "force", self->size, self->size));
	EXPECT_EQ(0, pmd_mapped(_metadata, "deny", self->size, self->size));
	EXPECT_EQ(all, pmd_mapped(_metadata, "always", self->size, self->size));
	EXPECT_EQ(0, pmd_mapped(_metadata, "never", self->size, self->size));
	EXPECT_EQ(0, pmd_mapped(_metadata, "advise", self->size, self->size));
	EXPECT_EQ(all, pmd_mapped(_metadata, "within_size", self->size,
				  self->size));
	EXPECT_EQ(0, pmd_mapped(_metadata, "within_size", self->size / 4,
				self->size / 4));
}

TEST_HARNESS_MAIN
