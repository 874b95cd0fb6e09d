// SPDX-License-Identifier: GPL-2.0
/*
 * What others pin of a memfd: nothing that has yet to be cleared, nothing that
 * has to stay movable, and no page with a memory error. A huge page with an
 * error is lost to the pool for good, so this is the last of the tests.
 */
#include "harness.h"

#include <sys/ioctl.h>
#include <linux/udmabuf.h>

#include "anon_object_device.h"

#define DEVICE	"/dev/anon_object_test"
#define UNITS	4

FIXTURE(pins)
{
	size_t size;
	long pool;
	int fd;
};

FIXTURE_VARIANT(pins)
{
	unsigned int flags;
	bool huge;
};

FIXTURE_VARIANT_ADD(pins, page)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(pins, huge)
{
	.flags = MFD_HUGETLB,
	.huge = true,
};

FIXTURE_SETUP(pins)
{
	self->pool = -1;
	self->fd = -1;
	if (access(ANON_OBJECTS, F_OK))
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel pins it all");
	if (access("/dev/udmabuf", F_OK))
		SKIP(return, "no /dev/udmabuf in this kernel");
	self->size = UNITS * sysconf(_SC_PAGESIZE);
	if (variant->huge) {
		self->size = UNITS * huge_page_size();
		if (!self->size)
			SKIP(return, "no hugetlb in this kernel");
		self->pool = huge_pool_get(UNITS);
		ASSERT_LE(0, self->pool);
	}
	self->fd = memfd_create("pins", MFD_ALLOW_SEALING | MFD_CLOEXEC |
				variant->flags);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(pins)
{
	if (self->fd >= 0)
		close(self->fd);
	huge_pool_put(self->pool);
}

/* A dma-buf of @size bytes of the memfd from @offset on, or -1 */
static int udmabuf_of(int memfd, off_t offset, size_t size)
{
	struct udmabuf_create create = {
		.memfd = memfd,
		.offset = offset,
		.size = size,
	};
	int dev = open("/dev/udmabuf", O_RDWR), buf, error;

	if (dev < 0)
		return -1;
	buf = ioctl(dev, UDMABUF_CREATE, &create);
	error = errno;
	close(dev);
	errno = error;
	return buf;
}

/* Leave memory behind that is full of what nobody else should see */
static int dirty_memory(size_t size)
{
	char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return -1;
	memset(mem, 0xa5, size);
	return munmap(mem, size);
}

/* fallocate() leaves pages that have yet to be cleared */
TEST_F(pins, of_what_has_not_been_read)
{
	size_t size = variant->huge ? self->size : 1 << 20, i;
	char *mem;
	int buf;

	ASSERT_EQ(0, dirty_memory(64 << 20));
	ASSERT_EQ(0, fallocate(self->fd, 0, 0, size));
	ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	buf = udmabuf_of(self->fd, 0, size);
	ASSERT_LE(0, buf);
	mem = mmap(NULL, size, PROT_READ, MAP_SHARED, buf, 0);
	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < size && !mem[i]; i++)
		;
	EXPECT_EQ(size, i) {
		TH_LOG("byte %zu is 0x%x", i, mem[i] & 0xff);
	}
	munmap(mem, size);
	close(buf);
}

/* What is in swap comes back for it. */
TEST(of_what_is_in_swap)
{
	size_t size = 64 * PAGE;
	char *mem, *device;
	int fd, buf, tries;

	if (access("/dev/udmabuf", F_OK))
		SKIP(return, "no /dev/udmabuf in this kernel");
	if (meminfo("SwapTotal") <= 0)
		SKIP(return, "no swap space");
	stay_here();
	fd = memfd_create("pins", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, size));
	ASSERT_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, size, 1);
	for (tries = 0; tries < 100 && smaps_kb(mem, "Rss"); tries++)
		ASSERT_EQ(0, madvise(mem, size, MADV_PAGEOUT));
	EXPECT_EQ(0, smaps_kb(mem, "Rss"));
	buf = udmabuf_of(fd, 0, size);
	ASSERT_LE(0, buf);
	device = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	ASSERT_NE(MAP_FAILED, device);
	EXPECT_EQ(0, pattern_check(device, size, 1));
	device[PAGE] ^= 1;
	EXPECT_EQ(device[PAGE], mem[PAGE]);
	munmap(device, size);
	munmap(mem, size);
	close(buf);
	close(fd);
}

/* A huge page that the pool has not is not pinned, nor reserved. */
TEST(of_an_empty_pool)
{
	long reserved = meminfo("HugePages_Rsvd"), free;
	size_t unit = huge_page_size();
	int fd, rest, buf;

	if (access("/dev/udmabuf", F_OK))
		SKIP(return, "no /dev/udmabuf in this kernel");
	if (!unit)
		SKIP(return, "no hugetlb in this kernel");
	free = meminfo("HugePages_Free") - reserved;
	fd = memfd_create("pins", MFD_ALLOW_SEALING | MFD_HUGETLB);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, unit));
	ASSERT_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	rest = memfd_create("rest", MFD_HUGETLB);
	ASSERT_LE(0, rest);
	if (free > 0)
		ASSERT_EQ(0, fallocate(rest, 0, 0, free * unit));
	buf = udmabuf_of(fd, 0, unit);
	EXPECT_EQ(-1, buf);
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(reserved, meminfo("HugePages_Rsvd"));
	close(rest);
	close(fd);
}

/* Where memory is that has to stay movable, in pages; is there any? */
static bool movable_zone(unsigned long *start, unsigned long *end)
{
	unsigned long spanned = 0;
	bool movable = false;
	char line[128];
	FILE *f;

	*start = 0;
	f = fopen("/proc/zoneinfo", "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Node", 4))
			movable = strstr(line, "Movable");
		if (!movable)
			continue;
		sscanf(line, " spanned %lu", &spanned);
		sscanf(line, " start_pfn: %lu", start);
	}
	if (f)
		fclose(f);
	*end = *start + spanned;
	return spanned;
}

/* How many of the pages that are mapped here are in that zone; -1: who knows */
static long pages_within(const char *mem, size_t size, unsigned long start,
			 unsigned long end)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	long nr = 0;
	__u64 entry;
	size_t at;

	for (at = 0; at < size; at += PAGE) {
		/* The page is there only where it has been read */
		__atomic_load_n(mem + at, __ATOMIC_RELAXED);
		if (pread(fd, &entry, sizeof(entry), (uintptr_t)(mem + at) /
			  PAGE * sizeof(entry)) != sizeof(entry))
			nr = -1;
		entry &= (1ULL << 55) - 1;
		if (nr < 0 || !entry)
			break;
		nr += entry >= start && entry < end;
	}
	close(fd);
	return at < size ? -1 : nr;
}

/* A pin of what has to stay movable moves it first. */
TEST_F(pins, out_of_the_movable_zone)
{
	unsigned long start, end;
	char *mem;
	int buf;

	if (!movable_zone(&start, &end))
		SKIP(return, "no ZONE_MOVABLE");
	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	mem = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   self->fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, self->size, 1);
	EXPECT_LT(0, pages_within(mem, self->size, start, end));
	buf = udmabuf_of(self->fd, 0, self->size);
	ASSERT_LE(0, buf);
	EXPECT_EQ(0, pages_within(mem, self->size, start, end));
	EXPECT_EQ(0, pattern_check(mem, self->size, 1));
	close(buf);
	munmap(mem, self->size);
}

/* What it makes is not there, or else there is none: the pool may be all there. */
TEST_F(pins, not_made_in_the_movable_zone)
{
	long reserved = meminfo("HugePages_Rsvd");
	unsigned long start, end;
	char *mem;
	int buf;

	if (!movable_zone(&start, &end))
		SKIP(return, "no ZONE_MOVABLE");
	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	buf = udmabuf_of(self->fd, 0, self->size);
	if (buf < 0) {
		EXPECT_TRUE(variant->huge);
		EXPECT_EQ(ENOMEM, errno);
	} else {
		mem = mmap(NULL, self->size, PROT_READ, MAP_SHARED, self->fd,
			   0);
		ASSERT_NE(MAP_FAILED, mem);
		EXPECT_EQ(0, pages_within(mem, self->size, start, end));
		munmap(mem, self->size);
		close(buf);
	}
	EXPECT_EQ(reserved, meminfo("HugePages_Rsvd"));
}

/* Give a page of the memfd a memory error, of which its mapper dies */
static void break_page(int memfd, size_t size, size_t offset)
{
	pid_t pid = fork();
	char *mem;

	if (pid) {
		waitpid(pid, NULL, 0);
		return;
	}
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	mem[offset] = 1;
	madvise(mem + offset, sysconf(_SC_PAGESIZE), MADV_HWPOISON);
	_exit(0);
}

/* The same of the memfd's object; 0 or an errno */
static int pin_object_of(int memfd, off_t pos, size_t len)
{
	struct anon_test_range range = { .pos = pos, .len = len };
	int dev = open(DEVICE, O_RDWR), error = 0;

	if (dev < 0 || ioctl(dev, ANON_TEST_ADOPT, memfd) ||
	    ioctl(dev, ANON_TEST_PIN, &range))
		error = errno;
	close(dev);
	return error;
}

static int pin_buffer_of(int memfd, off_t offset, size_t size)
{
	int buf = udmabuf_of(memfd, offset, size), error = errno;

	if (buf < 0)
		return error;
	close(buf);
	return 0;
}

/*
 * A page with an error fails no pin but those of it; but a huge page that has
 * one cannot be moved, where it has to be.
 */
TEST_F(pins, beside_a_memory_error)
{
	size_t page = sysconf(_SC_PAGESIZE), size = self->size;
	unsigned long start, end;
	int beside = 0, i;
	char *mem;

	if (access(DEVICE, F_OK))
		ASSERT_EQ(0, system("modprobe anon_object_device"));
	ASSERT_EQ(0, ftruncate(self->fd, size));
	ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, size);
	if (variant->huge && movable_zone(&start, &end) &&
	    pages_within(mem, page, start, end))
		beside = EIO;
	munmap(mem, size);
	break_page(self->fd, size, page);

	for (i = 0; i < 2; i++) {
		int (*pin)(int memfd, off_t pos, size_t len) =
			i ? pin_buffer_of : pin_object_of;

		EXPECT_EQ(EIO, pin(self->fd, 0, size));
		EXPECT_EQ(EIO, pin(self->fd, page, page));
		EXPECT_EQ(beside, pin(self->fd, 0, page));
		EXPECT_EQ(beside, pin(self->fd, 2 * page, size - 2 * page));
	}
}

TEST_HARNESS_MAIN
