// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that somebody has had before is cleared before somebody else sees it:
 * what is new, what has been written to in part, allocated without being
 * written to, freed, or cannot be read back from swap.
 *
 * For these tests to have a chance to fail, the kernel may not clear all that
 * it allocates: CONFIG_INIT_ON_ALLOC_DEFAULT_ON is not set in our configs.
 */
#include "harness.h"

#include <linux/falloc.h>
#include <linux/udmabuf.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "anon_object_device.h"

#define DEVICE	"/dev/anon_object_test"
#define FAULTS	"/sys/kernel/debug/fail_make_request/"
#define DISK	"/sys/block/vda/make-it-fail"
#define RW	(PROT_READ | PROT_WRITE)
#define DIRT	0xa5

/* Values of enum anon_object_backend, enum anon_object_huge and ANON_OBJECT_* */
#define OBJ_SHMEM	0
#define OBJ_HUGETLB	1
#define NEVER		1
#define WITHIN_SIZE	3
#define RESIZABLE	(1 << 2)

/* A memfd, and on a kernel that has objects one of those */
FIXTURE(memory)
{
	int dev;
	int fd;
	size_t size;
	size_t unit;		/* of what is allocated */
	long pool;
	char *buf;
};

FIXTURE_VARIANT(memory)
{
	bool object;
	bool huge;		/* pages out of the pool */
	bool large;		/* folios */
};

FIXTURE_VARIANT_ADD(memory, memfd)
{
	.object = false,
};

FIXTURE_VARIANT_ADD(memory, memfd_hugetlb)
{
	.huge = true,
};

FIXTURE_VARIANT_ADD(memory, shmem)
{
	.object = true,
};

FIXTURE_VARIANT_ADD(memory, large)
{
	.object = true,
	.large = true,
};

FIXTURE_VARIANT_ADD(memory, hugetlb)
{
	.object = true,
	.huge = true,
};

static int view(int dev, int flags)
{
	struct anon_test_view v = { .flags = flags };

	return ioctl(dev, ANON_TEST_VIEW, &v);
}

static int create(FIXTURE_DATA(memory) *self,
		  const FIXTURE_VARIANT(memory) *variant)
{
	struct anon_test_create create = {
		.size = self->size,
		.backend = variant->huge ? OBJ_HUGETLB : OBJ_SHMEM,
		.huge = variant->large ? WITHIN_SIZE : NEVER,
		.flags = RESIZABLE,
	};

	if (variant->huge)
		create.huge = 0;
	if (access(DEVICE, F_OK) && system("modprobe anon_object_device"))
		return -1;
	self->dev = open(DEVICE, O_RDWR);
	if (self->dev < 0 || ioctl(self->dev, ANON_TEST_CREATE, &create))
		return -1;
	return view(self->dev, O_RDWR);
}

/* Leave memory behind that is full of what nobody else should see */
static bool leave_dirt(FIXTURE_DATA(memory) *self, bool huge)
{
	size_t size = huge ? 2 * self->size : 64 * MIB;
	char *mem = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS |
			 (huge ? MAP_HUGETLB : 0), -1, 0);

	if (mem == MAP_FAILED)
		return false;
	memset(mem, DIRT, size);
	return !munmap(mem, size);
}

FIXTURE_SETUP(memory)
{
	self->dev = -1;
	self->fd = -1;
	self->pool = -1;
	if (variant->object && !kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	self->unit = PAGE;
	if (variant->large) {
		self->unit = thp_size();
		if (!self->unit)
			SKIP(return, "no huge pages for shmem in this kernel");
	}
	if (variant->huge) {
		self->unit = huge_page_size();
		ASSERT_NE(0, self->unit);
		/* As many again while the first are pinned */
		self->pool = huge_pool_get(8);
		ASSERT_LE(0, self->pool);
	}
	self->size = variant->huge || variant->large ? 4 * self->unit :
						       256 * self->unit;
	self->buf = malloc(self->size);
	ASSERT_NE(NULL, self->buf);
	memset(self->buf, 1, self->size);
	ASSERT_TRUE(leave_dirt(self, variant->huge));
	if (variant->object) {
		self->fd = create(self, variant);
	} else {
		self->fd = memfd_create("uncleared", MFD_ALLOW_SEALING |
					(variant->huge ? MFD_HUGETLB : 0));
		ASSERT_EQ(0, ftruncate(self->fd, self->size));
	}
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(memory)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->dev >= 0)
		close(self->dev);
	huge_pool_put(self->pool);
}

/* Where the first byte is that is not 0; @len if there is none */
static size_t first_dirt(const char *mem, size_t len)
{
	size_t i;

	for (i = 0; i < len && !mem[i]; i++)
		;
	return i;
}

/* The ways by which memory is seen; each leaves a copy of it in @buf */
enum way {
	BY_READ,
	BY_MAPPING,
	BY_PROCESS_VM_READV,
	BY_SENDFILE,
	BY_PIN,			/* three kinds of it */
	BY_UDMABUF = BY_PIN + ANON_TEST_PIN_KINDS,
	WAYS,
};

static const char * const ways[] = {
	"read", "mapping", "process_vm_readv", "sendfile", "pin of an sgt",
	"pin of pages", "vmap", "udmabuf",
};

static bool see_by_mapping(FIXTURE_DATA(memory) *self)
{
	char *mem = mmap(NULL, self->size, PROT_READ, MAP_SHARED, self->fd, 0);

	if (mem == MAP_FAILED)
		return false;
	memcpy(self->buf, mem, self->size);
	return !munmap(mem, self->size);
}

static bool see_by_process_vm_readv(FIXTURE_DATA(memory) *self)
{
	struct iovec to = { .iov_base = self->buf, .iov_len = self->size };
	struct iovec from = { .iov_len = self->size };
	bool seen;

	from.iov_base = mmap(NULL, self->size, PROT_READ, MAP_SHARED, self->fd,
			     0);
	if (from.iov_base == MAP_FAILED)
		return false;
	seen = process_vm_readv(getpid(), &to, 1, &from, 1, 0) ==
	       (ssize_t)self->size;
	munmap(from.iov_base, self->size);
	return seen;
}

static bool see_by_sendfile(FIXTURE_DATA(memory) *self)
{
	int copy = memfd_create("copy", 0);
	off_t at = 0;
	ssize_t n = 1;

	while (n > 0 && at < (off_t)self->size)
		n = sendfile(copy, self->fd, &at, self->size - at);
	if (n > 0)
		n = pread(copy, self->buf, self->size, 0);
	close(copy);
	return n == (ssize_t)self->size;
}

/* As a device does */
static bool see_by_pin(FIXTURE_DATA(memory) *self, unsigned int kind)
{
	struct anon_test_pin pin = {
		.len = self->size,
		.kind = kind,
		.max_segment = -1,
	};
	struct anon_test_copy copy = { .len = 65536 };
	bool seen = true;

	if (ioctl(self->dev, ANON_TEST_PIN_AS, &pin))
		return false;
	for (; seen && copy.pos < self->size; copy.pos += copy.len) {
		copy.buf = (unsigned long)self->buf + copy.pos;
		seen = !ioctl(self->dev, ANON_TEST_READ_PIN, &copy);
	}
	return !ioctl(self->dev, ANON_TEST_UNPIN) && seen;
}

static bool see_by_udmabuf(FIXTURE_DATA(memory) *self)
{
	struct udmabuf_create create = {
		.memfd = self->fd,
		.size = self->size,
	};
	int dev = open("/dev/udmabuf", O_RDWR);
	int buf = ioctl(dev, UDMABUF_CREATE, &create);
	char *mem = mmap(NULL, self->size, PROT_READ, MAP_SHARED, buf, 0);

	close(buf);
	close(dev);
	if (mem == MAP_FAILED)
		return false;
	memcpy(self->buf, mem, self->size);
	return !munmap(mem, self->size);
}

static bool see(FIXTURE_DATA(memory) *self, enum way way)
{
	switch (way) {
	case BY_READ:
		return pread(self->fd, self->buf, self->size, 0) ==
		       (ssize_t)self->size;
	case BY_MAPPING:
		return see_by_mapping(self);
	case BY_PROCESS_VM_READV:
		return see_by_process_vm_readv(self);
	case BY_SENDFILE:
		return see_by_sendfile(self);
	case BY_UDMABUF:
		return see_by_udmabuf(self);
	default:
		return see_by_pin(self, way - BY_PIN);
	}
}

/*
 * Which ways there are: pins are of objects; udmabuf takes what cannot shrink,
 * which resizable objects can, and a stock kernel's shows what is not cleared.
 */
static bool possible(const FIXTURE_VARIANT(memory) *variant, enum way way)
{
	if (way == BY_UDMABUF)
		return !variant->object && kernel_is_ported() &&
		       !access("/dev/udmabuf", F_OK);
	/* hugetlbfs has no splice */
	if (way == BY_SENDFILE && variant->huge && !variant->object)
		return false;
	return variant->object || way < BY_PIN;
}

#define EXPECT_CLEAR(mem, len, what) do {				\
	size_t __at = first_dirt(mem, len);				\
									\
	EXPECT_EQ(len, __at)						\
		TH_LOG("%s: byte %zu is 0x%x", what, __at,		\
		       (mem)[__at] & 0xff);				\
} while (0)

static int punch(int fd, off_t at, off_t len)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
			 len);
}

/* What is new, by each way first */
TEST_F(memory, new)
{
	enum way way;

	if (!variant->object)
		ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	for (way = 0; way < WAYS; way++) {
		if (!possible(variant, way))
			continue;
		memset(self->buf, 1, self->size);
		ASSERT_TRUE(see(self, way))
			TH_LOG("%s: %s", ways[way], strerror(errno));
		EXPECT_CLEAR(self->buf, self->size, ways[way]);
		ASSERT_EQ(0, punch(self->fd, 0, self->size));
		ASSERT_TRUE(leave_dirt(self, false));
	}
}

/* What fallocate() has left to be cleared when it is needed */
TEST_F(memory, allocated)
{
	enum way way;

	if (!variant->object)
		ASSERT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	for (way = 0; way < WAYS; way++) {
		if (!possible(variant, way))
			continue;
		ASSERT_EQ(0, fallocate(self->fd, 0, 0, self->size));
		memset(self->buf, 1, self->size);
		ASSERT_TRUE(see(self, way))
			TH_LOG("%s: %s", ways[way], strerror(errno));
		EXPECT_CLEAR(self->buf, self->size, ways[way]);
		ASSERT_EQ(0, punch(self->fd, 0, self->size));
		ASSERT_TRUE(leave_dirt(self, false));
	}
}

/* The same, swapped out before anybody has seen it */
TEST_F(memory, allocated_and_swapped_out)
{
	if (!variant->object)
		return;
	ASSERT_EQ(0, fallocate(self->fd, 0, 0, self->size));
	ASSERT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED));
	ASSERT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_WILLNEED));
	ASSERT_TRUE(see(self, BY_MAPPING));
	EXPECT_CLEAR(self->buf, self->size, "mapping");
}

/* The same, mapped by who is told that it is there */
TEST_F(memory, allocated_and_continued)
{
	struct uffdio_register reg = {
		.range = { .len = self->size },
		.mode = UFFDIO_REGISTER_MODE_MINOR,
	};
	struct uffdio_continue cont = { .range = reg.range };
	struct uffdio_api api = { .api = UFFD_API };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	char *mem;

	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, fallocate(self->fd, 0, 0, self->size));
	mem = mmap(NULL, self->size, RW, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	reg.range.start = (unsigned long)mem;
	/* 32 bits have none of it */
	if (ioctl(uffd, UFFDIO_REGISTER, &reg))
		return;
	cont.range.start = (unsigned long)mem;
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_CONTINUE, &cont));
	EXPECT_CLEAR(mem, self->size, "mapping");
}

/* A write to a part of what is not there yet: the rest of it is cleared */
TEST_F(memory, written_in_part)
{
	off_t at = self->unit / 2 + 5;

	if (variant->huge && !variant->object)
		return;		/* cannot be written to */
	ASSERT_EQ(3, pwrite(self->fd, "abc", 3, at));
	ASSERT_TRUE(see(self, BY_READ));
	EXPECT_EQ(0, memcmp(self->buf + at, "abc", 3));
	EXPECT_CLEAR(self->buf, at, "before");
	EXPECT_CLEAR(self->buf + at + 3, self->size - at - 3, "behind");
	ASSERT_TRUE(see(self, BY_MAPPING));
	EXPECT_CLEAR(self->buf, at, "before");
	EXPECT_CLEAR(self->buf + at + 3, self->size - at - 3, "behind");
}

/* The data ends where it cannot be read, or there is none at all */
TEST_F(memory, written_from_nowhere)
{
	char *from = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
	off_t at = self->unit + 100;
	struct iovec iov[] = {
		{ .iov_base = from + PAGE - 50, .iov_len = 50 },
		{ .iov_base = from + PAGE, .iov_len = PAGE },
	};
	ssize_t n;

	if (variant->huge && !variant->object)
		return;
	ASSERT_NE(MAP_FAILED, from);
	ASSERT_EQ(0, mprotect(from + PAGE, PAGE, PROT_NONE));
	EXPECT_EQ(EFAULT, ERRNO_OF(pwrite(self->fd, from + PAGE, PAGE, 0)));
	n = pwritev(self->fd, iov, 2, at);
	EXPECT_TRUE(n == 50 || (n == -1 && errno == EFAULT));
	ASSERT_TRUE(see(self, BY_MAPPING));
	EXPECT_CLEAR(self->buf, self->size, "mapping");
}

/* What is read is told, and what is not leaves the reader's memory alone */
TEST_F(memory, read_to_nowhere)
{
	char *to = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t n;

	ASSERT_NE(MAP_FAILED, to);
	memset(to, 1, PAGE);
	ASSERT_EQ(0, mprotect(to + PAGE, PAGE, PROT_NONE));
	EXPECT_EQ(EFAULT, ERRNO_OF(pread(self->fd, to + PAGE, PAGE, 0)));
	n = pread(self->fd, to + PAGE - 50, PAGE, 0);
	EXPECT_TRUE((n >= 0 && n <= 50) || (n == -1 && errno == EFAULT));
	EXPECT_EQ(1, to[PAGE - 51]);
	EXPECT_EQ(PAGE - 50, strnlen(to, PAGE - 50));
	/* Beyond the end */
	memset(to, 1, PAGE);
	EXPECT_EQ(10, pread(self->fd, to, PAGE, self->size - 10));
	EXPECT_CLEAR(to, 10UL, "the end");
	EXPECT_EQ(1, to[10]);
	EXPECT_EQ(1, to[PAGE - 1]);
}

/* What was in it is gone with it */
TEST_F(memory, punched)
{
	size_t at = self->unit, len = 2 * self->unit;
	char *mem = mmap(NULL, self->size, RW, MAP_SHARED, self->fd, 0);
	enum way way;

	ASSERT_NE(MAP_FAILED, mem);
	for (way = 0; way < BY_UDMABUF; way++) {
		if (!possible(variant, way))
			continue;
		memset(mem, DIRT, self->size);
		ASSERT_EQ(0, punch(self->fd, at, len));
		/* And a part of a page, or of a folio */
		ASSERT_EQ(0, punch(self->fd, 10, 100));
		ASSERT_TRUE(see(self, way));
		EXPECT_CLEAR(self->buf + at, len, ways[way]);
		EXPECT_CLEAR(self->buf + 10, 100UL, ways[way]);
		EXPECT_EQ((char)DIRT, self->buf[at - 1]);
		EXPECT_EQ((char)DIRT, self->buf[at + len]);
	}
}

/* By the owner, under a device that has it pinned */
TEST_F(memory, truncated_while_pinned)
{
	struct anon_test_range all = { .len = self->size };
	struct anon_test_copy copy = {
		.len = 1000,
		.buf = (unsigned long)self->buf,
	};
	char *mem;

	if (!variant->object)
		return;
	mem = mmap(NULL, self->size, RW, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, DIRT, self->size);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_PIN, &all));
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_TRUNCATE, &all));
	EXPECT_CLEAR(mem, self->size, "mapping");
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_READ_PIN, &copy));
	EXPECT_EQ((char)DIRT, self->buf[0]);
	/* What the device writes from now on, nobody sees */
	memset(self->buf, DIRT, copy.len);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_WRITE_PIN, &copy));
	EXPECT_CLEAR(mem, self->size, "mapping");
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_UNPIN));
	EXPECT_CLEAR(mem, self->size, "mapping");
}

/* Smaller, in the middle of a page where that can be, and as large again */
TEST_F(memory, resized)
{
	size_t less = variant->huge ? self->unit : self->unit + PAGE / 2 + 1;
	__u64 size = less;
	char *mem;
	int err;

	mem = mmap(NULL, self->size, RW, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, DIRT, self->size);
	if (variant->object) {
		err = ioctl(self->dev, ANON_TEST_RESIZE, &size);
		size = self->size;
		err |= ioctl(self->dev, ANON_TEST_RESIZE, &size);
	} else {
		err = ftruncate(self->fd, less) |
		      ftruncate(self->fd, self->size);
	}
	ASSERT_EQ(0, err);
	ASSERT_TRUE(see(self, BY_READ));
	EXPECT_CLEAR(self->buf + less, self->size - less, "read");
	EXPECT_EQ((char)DIRT, self->buf[less - 1]);
	EXPECT_CLEAR(mem + less, self->size - less, "mapping");
}

/* Put all of it into swap, and little of it into the swap cache */
static bool swapped_out(FIXTURE_DATA(memory) *self, struct cgroup *cg)
{
	struct anon_test_stat stat;
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED) ||
		    ioctl(self->dev, ANON_TEST_STAT, &stat))
			return false;
		if (stat.swapped == self->size &&
		    cgroup_read(cg, "memory.stat", "swapcached") <
		    (long)self->size / 16)
			return true;
		cgroup_reclaim(cg, 2 * self->size);
	}
	return false;
}

/* How many reads of the swap disk are to fail */
static bool disk_faults(int times)
{
	return !write_file(DISK, "%d", times != 0) &&
	       !write_file(FAULTS "verbose", "0") &&
	       !write_file(FAULTS "times", "%d", times) &&
	       !write_file(FAULTS "probability", "%d", times ? 100 : 0);
}

/* Of which page nothing can be read; the others are what they were */
static size_t last_lost(FIXTURE_DATA(memory) *self, size_t *lost, size_t *wrong)
{
	size_t at, last = 0;
	char *page = malloc(PAGE);

	*lost = 0;
	*wrong = 0;
	for (at = 0; at < self->size; at += PAGE) {
		if (pread(self->fd, page, PAGE, at) == (ssize_t)PAGE) {
			*wrong += memcmp(page, self->buf + at, PAGE) != 0;
		} else {
			*wrong += errno != EIO;
			++*lost;
			last = at;
		}
	}
	free(page);
	return last;
}

/* What cannot be read from swap is an error, and nothing that is seen. */
TEST_F(memory, lost_in_swap)
{
	struct anon_test_range all = { .len = self->size };
	size_t lost, wrong, last;
	struct cgroup cg;
	char *mem;

	if (!variant->object || variant->huge)
		return;
	if (access(FAULTS, F_OK) || access(DISK, F_OK))
		SKIP(return, "no reads can fail in this kernel");
	/* Its memory is its creator's, who has to be in the group */
	close(self->fd);
	close(self->dev);
	ASSERT_EQ(0, cgroup_enter(&cg, "uncleared"));
	self->fd = create(self, variant);
	ASSERT_LE(0, self->fd);
	pattern_fill(self->buf, self->size, 7);
	ASSERT_EQ(self->size, pwrite(self->fd, self->buf, self->size, 0));
	ASSERT_TRUE(swapped_out(self, &cg));
	cgroup_leave(&cg);
	ASSERT_TRUE(leave_dirt(self, false));
	/* The program's own pages are not to be read from that disk */
	ASSERT_EQ(0, mlockall(MCL_CURRENT));
	mem = mmap(NULL, self->size, RW, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, mem);

	ASSERT_TRUE(disk_faults(-1));
	last = last_lost(self, &lost, &wrong);
	EXPECT_TRUE(disk_faults(0));
	EXPECT_EQ(0, wrong);
	EXPECT_LT(self->size / PAGE / 2, lost);
	/* For good, and for all */
	EXPECT_EQ(last, last_lost(self, &lost, &wrong));
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(SIGBUS, read_signal(mem + last));
	EXPECT_EQ(EIO, ERRNO_OF(ioctl(self->dev, ANON_TEST_PIN, &all)));
	munlockall();
	ASSERT_EQ(0, punch(self->fd, 0, self->size));
	EXPECT_CLEAR(mem, self->size, "mapping");
}

/* A System V segment is the same memory. */
TEST(segment)
{
	const size_t size = 4 * MIB;
	char *dirt, *mem;
	int id;

	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	dirt = mmap(NULL, 64 * MIB, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, dirt);
	memset(dirt, DIRT, 64 * MIB);
	munmap(dirt, 64 * MIB);
	id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
	ASSERT_LE(0, id);
	mem = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, mem);
	EXPECT_CLEAR(mem, size, "segment");
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
}

TEST_HARNESS_MAIN
