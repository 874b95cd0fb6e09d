// SPDX-License-Identifier: GPL-2.0
/*
 * GEM objects as regular files: what DRM_IOCTL_GEM_VIEW gives can do what
 * files can, and is the driver's buffer.
 */
#include "harness.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <linux/falloc.h>
#include <linux/userfaultfd.h>

#include "drm_guest.h"

#define PAGES	64
#define SIZE	(PAGES * PAGE)
#define NOBODY	65534

#define BACKING	DRM_GEM_VIEW_BACKING
#define DEVICE	DRM_GEM_VIEW_DEVICE
#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(view)
{
	struct drm_buf buf;
	int dev;
	int fd;
	int objects;
};

FIXTURE_VARIANT(view)
{
	struct drm_kind kind;
	__u32 view;
};

FIXTURE_VARIANT_ADD(view, vgem_device)
{
	.kind = { .driver = VGEM },
	.view = DEVICE,
};

FIXTURE_VARIANT_ADD(view, vgem_cached_backing)
{
	.kind = { .driver = VGEM, .cached = true },
	.view = BACKING,
};

FIXTURE_VARIANT_ADD(view, vgem_cached_device)
{
	.kind = { .driver = VGEM, .cached = true },
	.view = DEVICE,
};

FIXTURE_VARIANT_ADD(view, vkms_backing)
{
	.kind = { .driver = VKMS },
	.view = BACKING,
};

FIXTURE_VARIANT_ADD(view, vkms_device)
{
	.kind = { .driver = VKMS },
	.view = DEVICE,
};

FIXTURE_VARIANT_ADD(view, virtio_gpu_backing)
{
	.kind = { .driver = VIRTIO_GPU },
	.view = BACKING,
};

FIXTURE_VARIANT_ADD(view, virtio_gpu_device)
{
	.kind = { .driver = VIRTIO_GPU },
	.view = DEVICE,
};

FIXTURE_SETUP(view)
{
	self->fd = -1;
	self->dev = -1;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	self->dev = drm_open(variant->kind.driver);
	ASSERT_LE(0, self->dev);
	self->objects = drm_objects();
	ASSERT_EQ(0, drm_set_kind(&variant->kind));
	ASSERT_EQ(0, drm_dumb(self->dev, SIZE, &self->buf));
	self->fd = drm_view(&self->buf, variant->view, DRM_GEM_VIEW_RDWR |
			    DRM_GEM_VIEW_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(view)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->dev >= 0)
		close(self->dev);
	drm_reset_kind(&variant->kind);
	EXPECT_TRUE(drm_objects_settle(self->objects))
		TH_LOG("%d objects, before it %d", drm_objects(),
		       self->objects);
}

static void *map(int fd, size_t size, int prot)
{
	return mmap(NULL, size, prot, MAP_SHARED, fd, 0);
}

/* Fill a view, or check what is in it, by pieces that fit nowhere. */
static bool write_pattern(int fd, __u64 seed)
{
	char *buf = malloc(SIZE);
	size_t at, len;

	pattern_fill(buf, SIZE, seed);
	for (at = 0; at < SIZE; at += len) {
		len = SIZE - at < 7001 ? SIZE - at : 7001;
		if (write(fd, buf + at, len) != (ssize_t)len)
			break;
	}
	free(buf);
	return at == SIZE;
}

static bool read_pattern(int fd, __u64 seed)
{
	char *buf = malloc(SIZE);
	size_t at, len;
	bool same;

	for (at = 0; at < SIZE; at += len) {
		len = SIZE - at < 5003 ? SIZE - at : 5003;
		if (read(fd, buf + at, len) != (ssize_t)len)
			break;
	}
	same = at == SIZE && !pattern_check(buf, SIZE, seed);
	free(buf);
	return same;
}

static int punch(int fd, off_t at, off_t len)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
			 len);
}

static bool all_bytes(const char *mem, size_t len, char byte)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (mem[i] != byte)
			return false;
	return true;
}

static bool pinned_for_life(const struct drm_kind *kind)
{
	return !strcmp(kind->driver, VIRTIO_GPU);
}

TEST_F(view, mmap_is_the_drivers_mmap)
{
	char *file = map(self->fd, SIZE, RW);
	char *driver = drm_map(&self->buf, SIZE, RW);

	ASSERT_NE(MAP_FAILED, file);
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_TRUE(all_bytes(file, SIZE, 0));
	pattern_fill(file, SIZE, 1);
	EXPECT_EQ(0, pattern_check(driver, SIZE, 1));
	pattern_fill(driver, SIZE, 2);
	EXPECT_EQ(0, pattern_check(file, SIZE, 2));
	munmap(file, SIZE);
	munmap(driver, SIZE);
}

TEST_F(view, read_and_write_before_anything_else)
{
	char *driver;

	EXPECT_TRUE(write_pattern(self->fd, 3));
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_TRUE(read_pattern(self->fd, 3));
	driver = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_EQ(0, pattern_check(driver, SIZE, 3));
	munmap(driver, SIZE);
}

TEST_F(view, read_and_write_while_mapped)
{
	char *driver = drm_map(&self->buf, SIZE, RW);
	char *file = map(self->fd, SIZE, RW);
	char buf[32];

	ASSERT_NE(MAP_FAILED, driver);
	ASSERT_NE(MAP_FAILED, file);
	pattern_fill(driver, SIZE, 4);
	EXPECT_TRUE(read_pattern(self->fd, 4));
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_TRUE(write_pattern(self->fd, 5));
	EXPECT_EQ(0, pattern_check(driver, SIZE, 5));
	EXPECT_EQ(0, pattern_check(file, SIZE, 5));

	/* Across a page's end */
	ASSERT_EQ(16, pread(self->fd, buf, 16, PAGE - 8));
	EXPECT_EQ(0, memcmp(buf, driver + PAGE - 8, 16));
	ASSERT_EQ(16, pwrite(self->fd, "sixteen bytes..", 16, 9 * PAGE - 8));
	EXPECT_EQ(0, memcmp(driver + 9 * PAGE - 8, "sixteen bytes..", 16));
	EXPECT_EQ(0, memcmp(file + 9 * PAGE - 8, "sixteen bytes..", 16));
	/* From and to the same memory */
	EXPECT_EQ(PAGE, pwrite(self->fd, file, PAGE, 2 * PAGE));
	EXPECT_EQ(0, memcmp(file, driver + 2 * PAGE, PAGE));
	EXPECT_EQ(PAGE, pread(self->fd, file + 3 * PAGE, PAGE, 0));
	EXPECT_EQ(0, memcmp(driver, driver + 3 * PAGE, PAGE));
	munmap(file, SIZE);
	munmap(driver, SIZE);
}

TEST_F(view, another_view_is_the_same_buffer)
{
	int fd = drm_view(&self->buf, DEVICE, 0);
	char *a, *b;

	ASSERT_LE(0, fd);
	a = map(self->fd, SIZE, RW);
	b = map(fd, SIZE, PROT_READ);
	ASSERT_NE(MAP_FAILED, a);
	ASSERT_NE(MAP_FAILED, b);
	pattern_fill(a, SIZE, 6);
	EXPECT_EQ(0, pattern_check(b, SIZE, 6));
	EXPECT_TRUE(read_pattern(fd, 6));
	EXPECT_TRUE(write_pattern(self->fd, 7));
	EXPECT_EQ(0, pattern_check(a, SIZE, 7));
	EXPECT_EQ(0, pattern_check(b, SIZE, 7));
	munmap(a, SIZE);
	munmap(b, SIZE);
	close(fd);
}

/* What fallocate() has left to be cleared, the driver or its device sees first */
TEST_F(view, allocated_memory_is_cleared)
{
	const size_t size = 64 * MIB;
	char *dirt = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *driver;

	ASSERT_NE(MAP_FAILED, dirt);
	memset(dirt, 0xa5, size);
	munmap(dirt, size);
	ASSERT_EQ(0, fallocate(self->fd, 0, 0, SIZE));
	driver = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_TRUE(all_bytes(driver, SIZE, 0));
	munmap(driver, SIZE);
}

TEST_F(view, position_is_as_in_any_file)
{
	void *nowhere = mmap(NULL, PAGE, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte = 0, two[6];

	ASSERT_NE(MAP_FAILED, nowhere);
	EXPECT_EQ(SIZE, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(0, read(self->fd, &byte, 1));
	EXPECT_EQ(ENOSPC, ERRNO_OF(write(self->fd, "x", 1)));
	EXPECT_EQ(SIZE, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(SIZE - 3, lseek(self->fd, -3, SEEK_END));
	/* As much as fits */
	EXPECT_EQ(3, write(self->fd, "abcdef", 6));
	EXPECT_EQ(SIZE, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(SIZE - 2, lseek(self->fd, -2, SEEK_CUR));
	EXPECT_EQ(1, read(self->fd, &byte, 1));
	EXPECT_EQ('b', byte);
	EXPECT_EQ(SIZE - 1, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(5, lseek(self->fd, 5, SEEK_SET));
	EXPECT_EQ(EINVAL, ERRNO_OF(lseek(self->fd, -1, SEEK_SET)));
	EXPECT_EQ(EINVAL, ERRNO_OF(lseek(self->fd, -(off_t)SIZE - 1,
					SEEK_END)));
	EXPECT_EQ(5, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(2, pread(self->fd, two, 6, SIZE - 2));
	EXPECT_EQ(ENOSPC, ERRNO_OF(pwrite(self->fd, "x", 1, SIZE + PAGE)));
	EXPECT_EQ(0, pread(self->fd, &byte, 1, SIZE + PAGE));
	EXPECT_EQ(EINVAL, ERRNO_OF(pread(self->fd, &byte, 1, -1)));
	EXPECT_EQ(EFAULT, ERRNO_OF(pread(self->fd, nowhere, 1, 0)));
	EXPECT_EQ(EFAULT, ERRNO_OF(pwrite(self->fd, nowhere, 1, 0)));
	EXPECT_EQ(0, pwrite(self->fd, nowhere, 0, 0));
}

TEST_F(view, size_is_the_buffers_for_good)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_TRUE(S_ISREG(st.st_mode));
	EXPECT_EQ(SIZE, st.st_size);
	EXPECT_EQ(EPERM, ERRNO_OF(ftruncate(self->fd, SIZE / 2)));
	EXPECT_EQ(EPERM, ERRNO_OF(ftruncate(self->fd, SIZE * 2)));
	EXPECT_EQ(EPERM, ERRNO_OF(fallocate(self->fd, 0, SIZE, PAGE)));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(SIZE, st.st_size);
	/* Seals are of the memory; what maps a device has none to ask for */
	if (variant->view == BACKING) {
		EXPECT_EQ(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW,
			  fcntl(self->fd, F_GET_SEALS));
		EXPECT_EQ(EPERM, ERRNO_OF(fcntl(self->fd, F_ADD_SEALS,
						F_SEAL_WRITE)));
	} else {
		EXPECT_EQ(EINVAL, ERRNO_OF(fcntl(self->fd, F_GET_SEALS)));
		EXPECT_EQ(EINVAL, ERRNO_OF(fcntl(self->fd, F_ADD_SEALS,
						 F_SEAL_WRITE)));
	}
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, fdatasync(self->fd));
}

TEST_F(view, mapping_beyond_the_end_is_refused)
{
	EXPECT_EQ(MAP_FAILED, map(self->fd, SIZE + PAGE, RW));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, RW, MAP_SHARED, self->fd, SIZE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * PAGE, RW, MAP_SHARED, self->fd,
				   SIZE - PAGE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, RW, MAP_SHARED, self->fd,
				   1LL << 43));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, RW, MAP_SHARED, self->fd,
				   1LL << 44));
	EXPECT_EQ(EINVAL, errno);
}

/* What mremap() adds has nothing behind it. */
TEST_F(view, mapping_cannot_grow_into_anything)
{
	char *mem = map(self->fd, SIZE, RW), *more;

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, SIZE);
	more = mremap(mem, SIZE, SIZE + 2 * PAGE, MREMAP_MAYMOVE);
	if (variant->view == DEVICE) {
		EXPECT_EQ(MAP_FAILED, more);
		EXPECT_EQ(EFAULT, errno);
		munmap(mem, SIZE);
		return;
	}
	ASSERT_NE(MAP_FAILED, more);
	EXPECT_TRUE(all_bytes(more, SIZE, 1));
	EXPECT_EQ(SIGBUS, read_signal(more + SIZE));
	EXPECT_EQ(SIGBUS, write_signal(more + SIZE + PAGE));
	EXPECT_EQ(SIZE, drm_fdinfo(self->fd, "size"));
	munmap(more, SIZE + 2 * PAGE);
}

/* What else can be asked of a file. */
TEST_F(view, other_calls)
{
	int file = memfd_create("copy", 0), value = 0;
	struct iovec iov = { .iov_base = &value, .iov_len = sizeof(value) };
	loff_t from = 0, to = 0;

	ASSERT_LE(0, file);
	ASSERT_EQ(4, pwrite(self->fd, "abcd", 4, 0));
	EXPECT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_WILLNEED));
	EXPECT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_EQ(ENOTTY, ERRNO_OF(ioctl(self->fd, DRM_IOCTL_VERSION, &value)));
	EXPECT_EQ(4, copy_file_range(self->fd, &from, file, &to, 4, 0));
	EXPECT_EQ(4, preadv2(self->fd, &iov, 1, 0, 0));
	EXPECT_EQ(0, memcmp(&value, "abcd", 4));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_APPEND));
	EXPECT_EQ(ENOSPC, ERRNO_OF(write(self->fd, "x", 1)));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	EXPECT_EQ(ENOTDIR, ERRNO_OF(openat(self->fd, "x", O_RDONLY)));
	close(file);
}

/* Mapped memory goes to swap, unless a driver needs it, and comes back. */
TEST_F(view, mapped_memory_goes_to_swap)
{
	long out = pinned_for_life(&variant->kind) ? 0 : SIZE;
	char *mem;

	if (variant->view == DEVICE)
		return;
	mem = map(self->fd, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 6);
	ASSERT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_EQ(out, drm_fdinfo(self->fd, "swapped"));
	EXPECT_EQ(SIZE - out, drm_fdinfo(self->fd, "resident"));
	EXPECT_EQ((SIZE - out) / 1024, smaps_kb(mem, "Rss"));
	EXPECT_EQ(0, pattern_check(mem, SIZE, 6));
	EXPECT_EQ(SIZE, drm_fdinfo(self->fd, "resident"));

	ASSERT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED));
	pattern_fill(mem, SIZE, 7);
	EXPECT_TRUE(read_pattern(self->fd, 7));
	munmap(mem, SIZE);
}

TEST_F(view, mapping_of_a_part)
{
	const size_t at = 17 * PAGE, len = 5 * PAGE;
	char *part, *last, *driver;

	ASSERT_TRUE(write_pattern(self->fd, 8));
	part = mmap(NULL, len, RW, MAP_SHARED, self->fd, at);
	last = mmap(NULL, PAGE, RW, MAP_SHARED, self->fd, SIZE - PAGE);
	driver = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, part);
	ASSERT_NE(MAP_FAILED, last);
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_EQ(0, memcmp(part, driver + at, len));
	EXPECT_EQ(0, memcmp(last, driver + SIZE - PAGE, PAGE));
	memset(part, 'p', len);
	memset(last, 'l', PAGE);
	EXPECT_TRUE(all_bytes(driver + at, len, 'p'));
	EXPECT_TRUE(all_bytes(driver + SIZE - PAGE, PAGE, 'l'));
	EXPECT_FALSE(all_bytes(driver + at - PAGE, PAGE, 'p'));
	EXPECT_FALSE(all_bytes(driver + at + len, PAGE, 'p'));
	munmap(part, len);
	munmap(last, PAGE);
	munmap(driver, SIZE);
}

TEST_F(view, mapping_given_back_in_parts)
{
	char *mem;
	int i;

	ASSERT_TRUE(write_pattern(self->fd, 9));
	mem = map(self->fd, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	/* The first and a middle part, before anything has been touched */
	ASSERT_EQ(0, munmap(mem, 4 * PAGE));
	ASSERT_EQ(0, munmap(mem + 20 * PAGE, 4 * PAGE));
	for (i = 4; i < PAGES; i++) {
		char want[PAGE];

		if (i >= 20 && i < 24)
			continue;
		ASSERT_EQ(PAGE, pread(self->fd, want, PAGE, i * PAGE));
		ASSERT_EQ(0, memcmp(mem + i * PAGE, want, PAGE))
			TH_LOG("page %d", i);
	}
	/* And after */
	memset(mem + 30 * PAGE, 'x', 10 * PAGE);
	ASSERT_EQ(0, munmap(mem + 32 * PAGE, 4 * PAGE));
	EXPECT_TRUE(all_bytes(mem + 30 * PAGE, 2 * PAGE, 'x'));
	EXPECT_TRUE(all_bytes(mem + 36 * PAGE, 4 * PAGE, 'x'));
	ASSERT_EQ(0, munmap(mem, SIZE));
}

TEST_F(view, read_only)
{
	int ro = drm_view(&self->buf, variant->view, 0);
	char *mem, *private, byte = 1;

	ASSERT_LE(0, ro);
	EXPECT_EQ(O_RDONLY, fcntl(ro, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(O_RDWR, fcntl(self->fd, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(EBADF, ERRNO_OF(write(ro, "x", 1)));
	EXPECT_EQ(EBADF, ERRNO_OF(pwrite(ro, "x", 1, 0)));
	EXPECT_EQ(EBADF, ERRNO_OF(punch(ro, 0, PAGE)));
	EXPECT_EQ(EINVAL, ERRNO_OF(ftruncate(ro, 0)));
	EXPECT_EQ(MAP_FAILED, map(ro, SIZE, RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, map(ro, SIZE, PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(1, read(ro, &byte, 1));
	EXPECT_EQ(0, byte);

	mem = map(ro, SIZE, PROT_READ);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(EACCES, ERRNO_OF(mprotect(mem, PAGE, RW)));
	EXPECT_EQ(SIGSEGV, write_signal(mem));
	EXPECT_EQ(1, pwrite(self->fd, "w", 1, 0));
	EXPECT_EQ('w', mem[0]);

	/* A copy of one's own is of memory, not of a device */
	private = mmap(NULL, SIZE, RW, MAP_PRIVATE, ro, 0);
	if (variant->view == BACKING) {
		ASSERT_NE(MAP_FAILED, private);
		private[0] = 'p';
		EXPECT_EQ('w', mem[0]);
		munmap(private, SIZE);
	} else {
		EXPECT_EQ(MAP_FAILED, private);
		EXPECT_EQ(EINVAL, errno);
	}
	munmap(mem, SIZE);
	close(ro);
}

TEST_F(view, opening_it_again_is_refused)
{
	char *mem = map(self->fd, SIZE, RW);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	EXPECT_EQ(EACCES, ERRNO_OF(open(path, O_RDONLY)));
	EXPECT_EQ(EACCES, ERRNO_OF(open(path, O_WRONLY)));
	EXPECT_EQ(EACCES, ERRNO_OF(open(path, O_RDWR)));
	EXPECT_EQ(EACCES, ERRNO_OF(open(path, O_RDWR | O_TRUNC)));

	ASSERT_NE(MAP_FAILED, mem);
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)mem, (unsigned long)mem + SIZE);
	EXPECT_EQ(0, access(path, F_OK));
	EXPECT_EQ(EACCES, ERRNO_OF(open(path, O_RDONLY)));
	EXPECT_EQ(EACCES, ERRNO_OF(open(path, O_RDWR)));
	munmap(mem, SIZE);
}

TEST_F(view, fd_is_where_and_how_it_was_asked_for)
{
	struct drm_gem_view args = {
		.handle = self->buf.handle,
		.view = variant->view,
		.flags = DRM_GEM_VIEW_LOWEST_FD | DRM_GEM_VIEW_CLOEXEC,
		.lowest_fd = 700,
	};

	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd, F_GETFD));
	ASSERT_EQ(0, drm_view_ioctl(self->dev, &args));
	EXPECT_EQ(700, args.fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(700, F_GETFD));
	args.flags = DRM_GEM_VIEW_LOWEST_FD;
	ASSERT_EQ(0, drm_view_ioctl(self->dev, &args));
	EXPECT_EQ(701, args.fd);
	EXPECT_EQ(0, fcntl(701, F_GETFD));
	args.lowest_fd = 0;
	ASSERT_EQ(0, drm_view_ioctl(self->dev, &args));
	EXPECT_GT(700, args.fd);
	close(args.fd);
	close(700);
	close(701);
}

TEST_F(view, buffer_lives_as_long_as_its_files_and_mappings)
{
	int other;
	char *mem;

	ASSERT_TRUE(write_pattern(self->fd, 10));
	ASSERT_EQ(0, drm_free(&self->buf));
	close(self->dev);
	self->dev = -1;

	/* The file alone */
	EXPECT_EQ(self->objects + 1, drm_objects());
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_TRUE(read_pattern(self->fd, 10));
	mem = map(self->fd, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	other = dup(self->fd);
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, lseek(other, 0, SEEK_SET));
	EXPECT_TRUE(read_pattern(other, 10));
	close(other);

	/* A mapping alone, and then what is left of one */
	EXPECT_EQ(self->objects + 1, drm_objects());
	EXPECT_EQ(0, pattern_check(mem, SIZE, 10));
	ASSERT_EQ(0, munmap(mem, SIZE - PAGE));
	EXPECT_EQ(self->objects + 1, drm_objects());
	memset(mem + SIZE - PAGE, 1, PAGE);
	ASSERT_EQ(0, munmap(mem + SIZE - PAGE, PAGE));
	EXPECT_TRUE(drm_objects_settle(self->objects));
}

TEST_F(view, shared_with_a_child)
{
	char *mem = map(self->fd, SIZE, RW);
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 11);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (pattern_check(mem, SIZE, 11) ||
		    munmap(mem + 8 * PAGE, PAGE))
			_exit(1);
		memset(mem, 'c', PAGE);
		_exit(pwrite(self->fd, "f", 1, 2 * PAGE) == 1 ? 0 : 2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(all_bytes(mem, PAGE, 'c'));
	EXPECT_EQ('f', mem[2 * PAGE]);
	munmap(mem, SIZE);
}

/* A mapping that only a child has left keeps the buffer. */
TEST_F(view, child_keeps_the_buffer)
{
	char *mem = map(self->fd, SIZE, RW);
	int go[2], status;
	char byte;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, pipe(go));
	pattern_fill(mem, SIZE, 12);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(self->fd);
		close(self->dev);
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		_exit(pattern_check(mem, SIZE, 12) ? 2 : 0);
	}
	munmap(mem, SIZE);
	close(self->fd);
	close(self->dev);
	self->fd = -1;
	self->dev = -1;
	EXPECT_EQ(self->objects + 1, drm_objects());
	ASSERT_EQ(1, write(go[1], "g", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(drm_objects_settle(self->objects));
}

TEST_F(view, punched_hole_reads_as_zeroes)
{
	const size_t at = 8 * PAGE, len = 4 * PAGE;
	char buf[PAGE], *mem;

	ASSERT_TRUE(write_pattern(self->fd, 13));
	if (pinned_for_life(&variant->kind)) {
		EXPECT_EQ(SIZE, drm_fdinfo(self->fd, "pinned"));
		EXPECT_EQ(EBUSY, ERRNO_OF(punch(self->fd, at, len)));
		ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
		EXPECT_TRUE(read_pattern(self->fd, 13));
		return;
	}
	EXPECT_EQ(0, drm_fdinfo(self->fd, "pinned"));
	ASSERT_EQ(0, punch(self->fd, at, len));
	ASSERT_EQ(PAGE, pread(self->fd, buf, PAGE, at));
	EXPECT_TRUE(all_bytes(buf, PAGE, 0));
	ASSERT_EQ(PAGE, pread(self->fd, buf, PAGE, at + len));
	EXPECT_FALSE(all_bytes(buf, PAGE, 0));
	/* A part of a page */
	ASSERT_EQ(0, punch(self->fd, PAGE, 100));
	ASSERT_EQ(PAGE, pread(self->fd, buf, PAGE, PAGE));
	EXPECT_TRUE(all_bytes(buf, 100, 0));
	EXPECT_FALSE(all_bytes(buf + 100, PAGE - 100, 0));

	/* While it is mapped, the driver has its pages */
	mem = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_TRUE(all_bytes(mem + at, len, 0));
	memset(mem, 'm', SIZE);
	EXPECT_LE(SIZE, drm_fdinfo(self->fd, "pinned"));
	EXPECT_EQ(EBUSY, ERRNO_OF(punch(self->fd, at, len)));
	EXPECT_TRUE(all_bytes(mem, SIZE, 'm'));
	munmap(mem, SIZE);
	EXPECT_EQ(0, drm_fdinfo(self->fd, "pinned"));

	/* A mapping of a BACKING view pins nothing, and loses what it shows */
	mem = map(self->fd, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ('m', mem[at]);
	if (variant->view == BACKING) {
		ASSERT_EQ(0, punch(self->fd, at, len));
		EXPECT_TRUE(all_bytes(mem + at, len, 0));
		EXPECT_EQ('m', mem[at + len]);
		ASSERT_EQ(0, punch(self->fd, 0, SIZE));
		EXPECT_EQ(0, drm_fdinfo(self->fd, "resident"));
	} else {
		EXPECT_EQ(EBUSY, ERRNO_OF(punch(self->fd, at, len)));
	}
	munmap(mem, SIZE);
	ASSERT_EQ(0, punch(self->fd, 0, SIZE));
	EXPECT_EQ(0, drm_fdinfo(self->fd, "resident"));
}

/* The same by way of a mapping */
TEST_F(view, removed_by_madvise)
{
	char *mem = map(self->fd, SIZE, RW), *driver;

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 'r', SIZE);
	if (variant->view == DEVICE || pinned_for_life(&variant->kind)) {
		EXPECT_NE(0, madvise(mem, SIZE, MADV_REMOVE));
		EXPECT_TRUE(all_bytes(mem, SIZE, 'r'));
		munmap(mem, SIZE);
		return;
	}
	driver = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_EQ(EBUSY, ERRNO_OF(madvise(mem, SIZE, MADV_REMOVE)));
	EXPECT_TRUE(all_bytes(driver, SIZE, 'r'));
	munmap(driver, SIZE);
	EXPECT_EQ(0, madvise(mem + PAGE, 4 * PAGE, MADV_REMOVE));
	EXPECT_TRUE(all_bytes(mem, PAGE, 'r'));
	EXPECT_TRUE(all_bytes(mem + PAGE, 4 * PAGE, 0));
	EXPECT_TRUE(all_bytes(mem + 5 * PAGE, SIZE - 5 * PAGE, 'r'));
	munmap(mem, SIZE);
}

/* A missing page is filled by the one who waits for it. */
static int fill_missing(int uffd, void *page)
{
	struct uffdio_copy copy = { .src = (unsigned long)page, .len = PAGE };
	struct uffd_msg msg;

	if (read(uffd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		return 1;
	copy.dst = msg.arg.pagefault.address & ~(PAGE - 1);
	return ioctl(uffd, UFFDIO_COPY, &copy) ? 2 : 0;
}

TEST_F(view, userfaultfd)
{
	struct uffdio_register reg = {
		.range = { .len = SIZE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };
	char *mem = map(self->fd, SIZE, RW), *driver;
	char page[PAGE];
	int uffd, status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, mem);
	reg.range.start = (unsigned long)mem;
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	if (variant->view == DEVICE) {
		EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(uffd, UFFDIO_REGISTER, &reg)));
		munmap(mem, SIZE);
		return;
	}
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &reg));
	if (pinned_for_life(&variant->kind)) {
		/* Nothing is missing */
		EXPECT_TRUE(all_bytes(mem, SIZE, 0));
		munmap(mem, SIZE);
		return;
	}
	memset(page, 'u', sizeof(page));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(fill_missing(uffd, page));
	EXPECT_EQ('u', mem[8 * PAGE]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(uffd);
	driver = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, driver);
	EXPECT_TRUE(all_bytes(driver + 8 * PAGE, PAGE, 'u'));
	EXPECT_TRUE(all_bytes(driver + 9 * PAGE, PAGE, 0));
	munmap(driver, SIZE);
	munmap(mem, SIZE);
}

TEST_F(view, punching_waits_for_the_importer)
{
	const char *other = strcmp(variant->kind.driver, VKMS) ? VKMS : VGEM;
	int importer = drm_open(other), dmabuf;
	__u32 handle;

	ASSERT_LE(0, importer);
	ASSERT_TRUE(write_pattern(self->fd, 14));
	dmabuf = drm_export(&self->buf);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, drm_import(importer, dmabuf, &handle));
	close(dmabuf);
	EXPECT_EQ(SIZE, drm_fdinfo(self->fd, "pinned"));
	EXPECT_EQ(EBUSY, ERRNO_OF(punch(self->fd, 0, PAGE)));
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_TRUE(read_pattern(self->fd, 14));

	ASSERT_EQ(0, drm_close_handle(importer, handle));
	if (!pinned_for_life(&variant->kind)) {
		EXPECT_EQ(0, drm_fdinfo(self->fd, "pinned"));
		EXPECT_EQ(0, punch(self->fd, 0, PAGE));
	}
	close(importer);
}

TEST_F(view, fdinfo_says_what_it_holds)
{
	bool pinned = pinned_for_life(&variant->kind);
	char path[64], buf[1024] = "", *mem;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	ASSERT_EQ(0, read_file(path, buf, sizeof(buf)));
	EXPECT_NE(NULL, strstr(buf, "backend:\tshmem\n"));
	EXPECT_EQ(PAGE, drm_fdinfo(self->fd, "page_size"));
	EXPECT_EQ(SIZE, drm_fdinfo(self->fd, "size"));
	EXPECT_EQ(0, drm_fdinfo(self->fd, "swapped"));
	EXPECT_EQ(pinned ? SIZE : 0, drm_fdinfo(self->fd, "resident"));
	EXPECT_EQ(pinned ? SIZE : 0, drm_fdinfo(self->fd, "pinned"));

	mem = drm_map(&self->buf, SIZE, RW);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(SIZE, drm_fdinfo(self->fd, "resident"));
	EXPECT_EQ(SIZE, drm_fdinfo(self->fd, "pinned"));
	munmap(mem, SIZE);
	EXPECT_EQ(SIZE, drm_fdinfo(self->fd, "resident"));
	EXPECT_EQ(pinned ? SIZE : 0, drm_fdinfo(self->fd, "pinned"));
}

TEST_F(view, maps_show_the_file)
{
	char *mem = map(self->fd, SIZE, RW);
	struct stat st;
	struct map m;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, map_find(mem, &m));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(st.st_ino, m.inode);
	EXPECT_EQ(0, strcmp(m.name, "/drm mm object (deleted)"))
		TH_LOG("%s", m.name);
	EXPECT_EQ('s', m.perms[3]);
	munmap(mem, SIZE);
}

TEST_F(view, sendfile_and_splice)
{
	int pipe_fd[2], memfd = memfd_create("copy", 0);
	loff_t at = 3 * PAGE;
	off_t from = 0;
	ssize_t n;
	char *copy;

	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, ftruncate(memfd, SIZE));
	ASSERT_TRUE(write_pattern(self->fd, 15));
	while (from < SIZE) {
		n = sendfile(memfd, self->fd, &from, SIZE - from);
		ASSERT_LT(0, n);
	}
	copy = map(memfd, SIZE, RW);
	ASSERT_NE(MAP_FAILED, copy);
	EXPECT_EQ(0, pattern_check(copy, SIZE, 15));

	ASSERT_EQ(0, pipe(pipe_fd));
	ASSERT_EQ(16, write(pipe_fd[1], "sixteen bytes..", 16));
	ASSERT_EQ(16, splice(pipe_fd[0], NULL, self->fd, &at, 16, 0));
	ASSERT_EQ(16, pread(self->fd, copy, 16, 3 * PAGE));
	EXPECT_EQ(0, strcmp(copy, "sixteen bytes.."));
	munmap(copy, SIZE);
	close(memfd);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static int send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte = 'f';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* Somebody who may not open the device gets the file, and uses it. */
static int stranger(int sock, const char *node, int *inherited)
{
	char path[64];
	char *mem;
	int fd;

	close(inherited[0]);
	close(inherited[1]);
	if (setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return 1;
	if (open(node, O_RDWR) >= 0 || errno != EACCES)
		return 2;
	fd = receive_fd(sock);
	if (fd < 0)
		return 3;
	if (!read_pattern(fd, 16))
		return 4;
	mem = map(fd, SIZE, RW);
	if (mem == MAP_FAILED)
		return 5;
	if (pattern_check(mem, SIZE, 16))
		return 6;
	pattern_fill(mem, SIZE, 17);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (open(path, O_RDWR) >= 0 || errno != EACCES)
		return 7;
	return pwrite(fd, "n", 1, 0) == 1 ? 0 : 8;
}

TEST_F(view, passed_to_a_stranger)
{
	char *want = malloc(SIZE);
	int sock[2], status, fds[2] = { self->dev, self->fd };
	char node[64], *mem;
	pid_t pid;

	ASSERT_EQ(0, drm_path(self->dev, node, sizeof(node)));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock));
	ASSERT_TRUE(write_pattern(self->fd, 16));
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(stranger(sock[1], node, fds));
	ASSERT_EQ(0, send_fd(sock[0], self->fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_FALSE(WIFSIGNALED(status));
	mem = drm_map(&self->buf, SIZE, PROT_READ);
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(want, SIZE, 17);
	want[0] = 'n';
	EXPECT_EQ(0, memcmp(want, mem, SIZE));
	free(want);
	munmap(mem, SIZE);
	close(sock[0]);
	close(sock[1]);
}

/* The file in flight is all that holds the buffer. */
TEST_F(view, lives_in_a_socket)
{
	int sock[2], fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock));
	ASSERT_TRUE(write_pattern(self->fd, 18));
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	ASSERT_EQ(0, send_fd(sock[0], self->fd));
	close(self->fd);
	close(self->dev);
	self->fd = -1;
	self->dev = -1;
	EXPECT_EQ(self->objects + 1, drm_objects());
	fd = receive_fd(sock[1]);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(read_pattern(fd, 18));
	close(fd);
	close(sock[0]);
	close(sock[1]);
	EXPECT_TRUE(drm_objects_settle(self->objects));
}

/* Many files of many buffers; the handles go first. */
TEST_F(view, thousands_come_and_go)
{
	struct drm_buf buf;
	int i, fd;

	for (i = 0; i < 3000; i++) {
		__u64 word = i;

		ASSERT_EQ(0, drm_dumb(self->dev, 2 * PAGE, &buf));
		fd = drm_view(&buf, variant->view, DRM_GEM_VIEW_RDWR);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, drm_free(&buf));
		if (i % 10 == 0) {
			ASSERT_EQ(8, pwrite(fd, &word, 8, PAGE));
			word = 0;
			ASSERT_EQ(8, pread(fd, &word, 8, PAGE));
			ASSERT_EQ(i, word);
		}
		close(fd);
	}
	EXPECT_TRUE(drm_objects_settle(self->objects + 1));
}

/* Threads that map, read, write and punch one buffer's views. */
struct worker {
	struct drm_buf *buf;
	__u32 view;
	int fd;
	int bad;
	int number;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	size_t at = w->number * PAGE;
	__u64 word, i;
	char *mem;

	for (i = 0; i < 300; i++) {
		int fd = drm_view(w->buf, w->view, DRM_GEM_VIEW_RDWR);

		mem = mmap(NULL, PAGE, RW, MAP_SHARED, fd, at);
		word = i << 8 | w->number;
		if (mem == MAP_FAILED || pwrite(w->fd, &word, 8, at) != 8) {
			w->bad++;
			continue;
		}
		w->bad += *(__u64 *)mem != word;
		*(__u64 *)mem = ~word;
		w->bad += pread(fd, &word, 8, at) != 8 ||
			  word != ~(i << 8 | w->number);
		/* May be busy: what matters is what it leaves alone */
		punch(w->fd, (PAGES / 2 + w->number) * PAGE, PAGE);
		munmap(mem, PAGE);
		close(fd);
	}
	return NULL;
}

TEST_F(view, used_by_several_at_once)
{
	struct worker workers[4];
	pthread_t threads[4];
	int i;

	for (i = 0; i < 4; i++) {
		workers[i] = (struct worker) {
			.buf = &self->buf,
			.view = variant->view,
			.fd = self->fd,
			.number = i,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, work,
					    &workers[i]));
	}
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, workers[i].bad);
	}
}

TEST_HARNESS_MAIN
