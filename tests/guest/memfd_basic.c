// SPDX-License-Identifier: GPL-2.0
/*
 * What a memfd does today, on small and on huge pages: sizes, seals, holes,
 * mappings, reading and writing. One inode and one object lie behind it, so
 * that a port of the memory below must leave all of this alone.
 */
#include "harness.h"

#include <sys/ioctl.h>
#include <linux/iommufd.h>
#include <linux/udmabuf.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE	0x0010
#endif

#define UNITS	4

FIXTURE(memfd)
{
	size_t unit;
	size_t size;
	long pool;
	int fd;
};

FIXTURE_VARIANT(memfd)
{
	unsigned int flags;
	bool huge;
};

FIXTURE_VARIANT_ADD(memfd, page)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(memfd, huge)
{
	.flags = MFD_HUGETLB,
	.huge = true,
};

FIXTURE_SETUP(memfd)
{
	self->pool = -1;
	self->fd = -1;
	self->unit = sysconf(_SC_PAGESIZE);
	if (variant->huge) {
		self->unit = huge_page_size();
		if (!self->unit)
			SKIP(return, "no hugetlb in this kernel");
		self->pool = huge_pool_get(2 * UNITS);
		ASSERT_LE(0, self->pool);
	}
	self->size = UNITS * self->unit;
	self->fd = memfd_create("basic", MFD_ALLOW_SEALING | MFD_CLOEXEC |
				variant->flags);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(memfd)
{
	if (self->fd >= 0)
		close(self->fd);
	huge_pool_put(self->pool);
}

static char *map_shared(int fd, size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

TEST_F(memfd, size)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(0, st.st_size);
	EXPECT_EQ(0, st.st_blocks);
	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(self->size, st.st_size);
	EXPECT_EQ(0, st.st_blocks);
	EXPECT_EQ(EINVAL, ERRNO_OF(ftruncate(self->fd, -1)));
	if (variant->huge) {
		EXPECT_EQ(self->unit, st.st_blksize);
		EXPECT_EQ(EINVAL, ERRNO_OF(ftruncate(self->fd, 4096)));
	} else {
		EXPECT_EQ(0, ftruncate(self->fd, 4097));
	}
}

TEST_F(memfd, map_and_resize)
{
	struct stat st;
	char *mem;

	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	mem = map_shared(self->fd, self->size);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, self->size, 1);
	ASSERT_EQ(0, ftruncate(self->fd, self->unit));
	EXPECT_EQ(SIGBUS, read_signal(mem + self->unit));
	EXPECT_EQ(SIGBUS, write_signal(mem + self->unit));
	EXPECT_EQ(0, pattern_check(mem, self->unit, 1));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(self->unit / 512, st.st_blocks);
	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	EXPECT_EQ(0, mem[self->unit]);
	EXPECT_EQ(0, pattern_check(mem, self->unit, 1));
}

TEST_F(memfd, map_beyond_end)
{
	struct stat st;
	char *mem;

	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	mem = map_shared(self->fd, self->size + self->unit);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, fstat(self->fd, &st));
	if (variant->huge) {
		/* A writable mapping makes hugetlbfs grow the file. */
		EXPECT_EQ(self->size + self->unit, st.st_size);
		EXPECT_EQ(0, write_signal(mem + self->size));
	} else {
		EXPECT_EQ(self->size, st.st_size);
		EXPECT_EQ(SIGBUS, read_signal(mem + self->size));
	}
}

TEST_F(memfd, punch_hole)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	struct stat st;
	char *mem;

	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	mem = map_shared(self->fd, self->size);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, self->size, 2);
	ASSERT_EQ(0, fallocate(self->fd, punch, self->unit, self->unit));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(self->size, st.st_size);
	EXPECT_EQ((self->size - self->unit) / 512, st.st_blocks);
	EXPECT_EQ(0, pattern_check(mem, self->unit, 2));
	EXPECT_EQ(0, mem[self->unit]);
	EXPECT_EQ(0, mem[2 * self->unit - 1]);
	EXPECT_EQ(self->unit / 8, pattern_check(mem, self->size, 2));
	EXPECT_EQ(EINVAL, ERRNO_OF(fallocate(self->fd, punch, 0, 0)));
	EXPECT_EQ(EOPNOTSUPP, ERRNO_OF(fallocate(self->fd,
						 FALLOC_FL_COLLAPSE_RANGE,
						 0, self->unit)));
}

TEST_F(memfd, allocate)
{
	struct stat st;

	ASSERT_EQ(0, fallocate(self->fd, 0, 0, self->size));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(self->size, st.st_size);
	EXPECT_EQ(self->size / 512, st.st_blocks);
	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_KEEP_SIZE, self->size,
			       self->unit));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(self->size, st.st_size);
}

TEST_F(memfd, seal_size)
{
	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	EXPECT_EQ(EPERM, ERRNO_OF(ftruncate(self->fd, self->unit)));
	EXPECT_EQ(0, ftruncate(self->fd, self->size + self->unit));
	ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_GROW));
	EXPECT_EQ(EPERM, ERRNO_OF(ftruncate(self->fd, 2 * self->size)));
	EXPECT_EQ(EPERM, ERRNO_OF(fallocate(self->fd, 0, 0, 2 * self->size)));
	EXPECT_EQ(F_SEAL_SHRINK | F_SEAL_GROW, fcntl(self->fd, F_GET_SEALS));
}

TEST_F(memfd, seal_write)
{
	char *mem;

	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	mem = map_shared(self->fd, self->size);
	ASSERT_NE(MAP_FAILED, mem);
	mem[0] = 1;
	/* Not while somebody could write. */
	EXPECT_EQ(EBUSY, ERRNO_OF(fcntl(self->fd, F_ADD_SEALS, F_SEAL_WRITE)));
	ASSERT_EQ(0, munmap(mem, self->size));
	ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EPERM, ERRNO_OF(map_shared(self->fd, self->size)));
	EXPECT_EQ(EPERM, ERRNO_OF(fallocate(self->fd, FALLOC_FL_PUNCH_HOLE |
					    FALLOC_FL_KEEP_SIZE, 0,
					    self->unit)));
	mem = mmap(NULL, self->size, PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(1, mem[0]);
	EXPECT_EQ(EACCES, ERRNO_OF(mprotect(mem, self->size,
					    PROT_READ | PROT_WRITE)));
	mem = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_PRIVATE,
		   self->fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	mem[0] = 2;
	EXPECT_EQ(2, mem[0]);
}

TEST_F(memfd, seal_future_write)
{
	char *mem;

	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	mem = map_shared(self->fd, self->size);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	mem[0] = 3;
	EXPECT_EQ(3, mem[0]);
	EXPECT_EQ(EPERM, ERRNO_OF(map_shared(self->fd, self->size)));
}

TEST_F(memfd, seal_seal)
{
	ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_SEAL));
	EXPECT_EQ(EPERM, ERRNO_OF(fcntl(self->fd, F_ADD_SEALS, F_SEAL_GROW)));
	EXPECT_EQ(0, ftruncate(self->fd, self->size));
}

TEST_F(memfd, no_sealing_unless_asked_for)
{
	int fd = memfd_create("plain", variant->flags);

	ASSERT_LE(0, fd);
	EXPECT_EQ(F_SEAL_SEAL, fcntl(fd, F_GET_SEALS));
	EXPECT_EQ(EPERM, ERRNO_OF(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW)));
	close(fd);
}

TEST_F(memfd, read_and_write)
{
	char text[] = "across the border", back[sizeof(text)] = "";
	char *mem;

	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	mem = map_shared(self->fd, self->size);
	ASSERT_NE(MAP_FAILED, mem);
	if (variant->huge) {
		/* hugetlbfs reads, but does not write. */
		EXPECT_EQ(EINVAL, ERRNO_OF(pwrite(self->fd, text, sizeof(text),
						  self->unit - 4)));
		memcpy(mem + self->unit - 4, text, sizeof(text));
	} else {
		EXPECT_EQ(sizeof(text), pwrite(self->fd, text, sizeof(text),
					       self->unit - 4));
		EXPECT_STREQ(text, mem + self->unit - 4);
	}
	EXPECT_EQ(sizeof(back), pread(self->fd, back, sizeof(back),
				      self->unit - 4));
	EXPECT_STREQ(text, back);
	EXPECT_EQ(0, pread(self->fd, back, sizeof(back), self->size));
}

TEST_F(memfd, reopen)
{
	char path[64], *mem;
	int fd;

	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	mem = map_shared(self->fd, self->size);
	ASSERT_NE(MAP_FAILED, mem);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	fd = open(path, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(EACCES, ERRNO_OF(map_shared(fd, self->size)));
	close(fd);
	fd = open(path, O_RDWR);
	ASSERT_LE(0, fd);
	close(self->fd);
	self->fd = fd;
	mem[5] = 6;
	mem = map_shared(fd, self->size);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(6, mem[5]);
}

/*
 * Others pin its memory by what its seals say. How it is open is nothing to
 * them, and programs may count on that.
 */
TEST_F(memfd, pinned_though_opened_to_read)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.length = self->unit,
	};
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct udmabuf_create create = { .size = self->unit };
	int dev, fd;
	char path[64];

	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	fd = open(path, O_RDONLY);
	ASSERT_LE(0, fd);

	dev = open("/dev/udmabuf", O_RDWR);
	if (dev < 0 && errno == ENOENT)
		SKIP(return, "no /dev/udmabuf in this kernel");
	create.memfd = fd;
	EXPECT_LE(0, ioctl(dev, UDMABUF_CREATE, &create));

	dev = open("/dev/iommu", O_RDWR);
	if (dev < 0 && errno == ENOENT)
		SKIP(return, "no /dev/iommu in this kernel");
	ASSERT_EQ(0, ioctl(dev, IOMMU_IOAS_ALLOC, &alloc));
	map.ioas_id = alloc.out_ioas_id;
	map.fd = fd;
	EXPECT_EQ(0, ioctl(dev, IOMMU_IOAS_MAP_FILE, &map));
}

TEST_F(memfd, names)
{
	char path[64], link[64] = "";
	struct map map;
	struct stat st;
	char *mem;

	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	mem = map_shared(self->fd, self->size);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(0, map_find(mem, &map));
	EXPECT_STREQ("/memfd:basic (deleted)", map.name);
	EXPECT_EQ(st.st_ino, map.inode);
	EXPECT_EQ(minor(st.st_dev), map.minor);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	ASSERT_LT(0, readlink(path, link, sizeof(link) - 1));
	EXPECT_STREQ("/memfd:basic (deleted)", link);
}

/* The number after "key:" in the fd's fdinfo, -1 without such a line. */
static long fdinfo_of(int fd, const char *key, int base)
{
	char path[64], text[2048], *line, *save;
	size_t len = strlen(key);

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (read_file(path, text, sizeof(text)))
		return -1;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, key, len) && line[len] == ':')
			return strtol(line + len + 1, NULL, base);
	return -1;
}

TEST_F(memfd, fdinfo)
{
	struct stat st;
	char *addr;

	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(1234, lseek(self->fd, 1234, SEEK_SET));
	EXPECT_EQ(1234, fdinfo_of(self->fd, "pos", 10));
	EXPECT_EQ(st.st_ino, fdinfo_of(self->fd, "ino", 10));
	EXPECT_EQ(O_RDWR, fdinfo_of(self->fd, "flags", 8) & O_ACCMODE);
	EXPECT_LE(0, fdinfo_of(self->fd, "mnt_id", 10));
	if (!kernel_is_ported())
		return;
	/* What it has, as that of a view says it */
	EXPECT_EQ(self->size, fdinfo_of(self->fd, "size", 10));
	EXPECT_EQ(0, fdinfo_of(self->fd, "resident", 10));
	EXPECT_LE(0, fdinfo_of(self->fd, "age", 10));
	EXPECT_GT(60, fdinfo_of(self->fd, "age", 10));
	addr = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		    self->fd, 0);
	ASSERT_NE(MAP_FAILED, addr);
	*addr = 1;
	munmap(addr, self->size);
	EXPECT_EQ(fdinfo_of(self->fd, "page_size", 10),
		  fdinfo_of(self->fd, "resident", 10));
}

/* Nothing of a file that is gone stays behind. */
TEST_F(memfd, close_frees)
{
	const char *gauge = variant->huge ? "HugePages_Free" : "Shmem";
	long before = meminfo(gauge), full;
	size_t size = variant->huge ? self->size : 16 * MIB;
	char *mem;

	full = variant->huge ? before - UNITS : before + size / 1024;
	ASSERT_EQ(0, ftruncate(self->fd, size));
	mem = map_shared(self->fd, size);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, size, 3);
	EXPECT_TRUE(meminfo_settles(gauge, full, variant->huge ? 0 : 1024));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, pattern_check(mem, size, 3));
	ASSERT_EQ(0, munmap(mem, size));
	EXPECT_TRUE(meminfo_settles(gauge, before, variant->huge ? 0 : 1024));
	if (variant->huge)
		EXPECT_EQ(0, meminfo("HugePages_Rsvd"));
}

static long inode_size(const char *cache)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/object_size", cache);
	return read_long(path);
}

/*
 * What is for the inodes of memfds alone makes no other inode larger. Here is
 * what those take; whether they take less on a stock kernel is for tests/run.
 */
TEST(inode_sizes)
{
	static const char * const names[][2] = {
		{ "shmem_inode_cache", "shmem_object_inode_cache" },
		{ "hugetlbfs_inode_cache", "hugetlbfs_object_inode_cache" },
	};
	int i;

	for (i = 0; i < 2; i++) {
		long size = inode_size(names[i][0]);

		ASSERT_LT(0, size)
			TH_LOG("no cache of the name %s", names[i][0]);
		printf("# size of %s: %ld\n", names[i][0], size);
		if (kernel_is_ported())
			EXPECT_LT(size, inode_size(names[i][1]));
	}
}

TEST_HARNESS_MAIN
