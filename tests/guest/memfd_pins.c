// SPDX-License-Identifier: GPL-2.0
/*
 * What others pin of a memfd: nothing that has yet to be cleared, and no page
 * with a memory error. A huge page with an error is lost to the pool for good,
 * so this is the last of the tests.
 */
#include "harness.h"

#include <sys/ioctl.h>
#include <linux/udmabuf.h>

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

TEST_F(pins, beside_a_memory_error)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *mem;
	int buf;

	ASSERT_EQ(0, ftruncate(self->fd, self->size));
	ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	mem = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   self->fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, self->size);
	munmap(mem, self->size);
	break_page(self->fd, self->size, page);

	EXPECT_EQ(EIO, ERRNO_OF(udmabuf_of(self->fd, 0, self->size)));
	EXPECT_EQ(EIO, ERRNO_OF(udmabuf_of(self->fd, page, page)));
	buf = udmabuf_of(self->fd, 0, page);
	EXPECT_LE(0, buf);
	close(buf);
	buf = udmabuf_of(self->fd, 2 * page, self->size - 2 * page);
	EXPECT_LE(0, buf);
	close(buf);
}

TEST_HARNESS_MAIN
