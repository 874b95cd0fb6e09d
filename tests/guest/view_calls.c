// SPDX-License-Identifier: GPL-2.0
/*
 * Every system call that takes a file descriptor, on a view: each gives what is
 * in the table below, and no other result.
 */
#include "harness.h"

#include <asm/unistd.h>
#include <linux/fs.h>
#include <linux/kcmp.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "anon_object_device.h"

/* The calls that others have differ, and so do their arguments */
#ifdef __x86_64__

#define DEVICE	"/dev/anon_object_test"
#define SHMEM	0
#define HUGETLB	1

/* Arguments that are not numbers */
enum {
	NONE = 0x7a000000,
	FD,			/* the view */
	PIPE_IN, PIPE_OUT,	/* of a pipe with something in it, and room */
	OTHER,			/* a file of tmpfs, open for both */
	BUF, BUF_LEN,
	IOV,			/* one, of BUF */
	PATH,			/* "" */
	OFFSET,			/* of a loff_t that is 0 */
};

/* What a call gives: that much, or -errno */
#define ANY	0x7b000000	/* 0 or more */

/* What a view's object is sealed with */
#define SEALED	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

/* Where these differ */
enum { BACKING, HUGE, DEV, KINDS };

struct call {
	const char *name;
	long nr;
	long args[6];
	long gives[KINDS];
};

#define CALL(call, ...)	.name = #call, .nr = __NR_##call, .args = { __VA_ARGS__ }
#define ALL(x)		.gives = { x, x, x }
#define EACH(a, b, c)	.gives = { a, b, c }

static const struct call calls[] = {
	/* Reading and writing */
	{ CALL(read, FD, BUF, 16), EACH(16, 16, 16) },
	{ CALL(write, FD, BUF, 16), EACH(16, 16, 16) },
	{ CALL(pread64, FD, BUF, 16, 0), EACH(16, 16, 16) },
	{ CALL(pread64, FD, BUF, 16, -1), ALL(-EINVAL) },
	{ CALL(pread64, FD, BUF, 16, 1L << 62), ALL(0) },
	{ CALL(pwrite64, FD, BUF, 16, 0), EACH(16, 16, 16) },
	{ CALL(pwrite64, FD, BUF, 16, 1L << 62), ALL(-ENOSPC) },
	{ CALL(readv, FD, IOV, 1), EACH(16, 16, 16) },
	{ CALL(writev, FD, IOV, 1), EACH(16, 16, 16) },
	{ CALL(preadv, FD, IOV, 1, 0, 0), EACH(16, 16, 16) },
	{ CALL(pwritev, FD, IOV, 1, 0, 0), EACH(16, 16, 16) },
	{ CALL(preadv2, FD, IOV, 1, 0, 0, RWF_NOWAIT), ALL(-EOPNOTSUPP) },
	{ CALL(pwritev2, FD, IOV, 1, 0, 0, RWF_APPEND), ALL(-ENOSPC) },
	{ CALL(pwritev2, FD, IOV, 1, 0, 0, RWF_ATOMIC), ALL(-EOPNOTSUPP) },
	{ CALL(lseek, FD, 0, SEEK_END), ALL(ANY) },
	{ CALL(lseek, FD, 0, SEEK_DATA), ALL(ANY) },
	{ CALL(lseek, FD, -1, SEEK_SET), ALL(-EINVAL) },
	{ CALL(sendfile, OTHER, FD, OFFSET, 16), ALL(16) },
	{ CALL(sendfile, FD, OTHER, OFFSET, 16), ALL(16) },
	{ CALL(splice, FD, OFFSET, PIPE_OUT, 0, 16, 0), ALL(16) },
	{ CALL(splice, PIPE_IN, 0, FD, OFFSET, 16, 0), ALL(16) },
	{ CALL(tee, FD, PIPE_OUT, 16, 0), ALL(-EINVAL) },
	{ CALL(vmsplice, FD, IOV, 1, 0), ALL(-EBADF) },
	{ CALL(copy_file_range, FD, OFFSET, OTHER, 0, 16, 0), ALL(-EXDEV) },
	{ CALL(copy_file_range, OTHER, OFFSET, FD, 0, 16, 0), ALL(-EXDEV) },
	{ CALL(readahead, FD, 0, 4096), ALL(0) },
	{ CALL(fadvise64, FD, 0, 0, POSIX_FADV_WILLNEED), ALL(0) },
	{ CALL(fadvise64, FD, 0, 0, POSIX_FADV_DONTNEED), ALL(0) },
	{ CALL(fadvise64, FD, 0, 0, 77), ALL(-EINVAL) },

	/* Its size, and what is in it */
	{ CALL(ftruncate, FD, 0), ALL(-EPERM) },
	{ CALL(ftruncate, FD, 1L << 40), ALL(-EINVAL) },
	{ CALL(fallocate, FD, 0, 0, 4096), ALL(0) },
	{ CALL(fallocate, FD, FALLOC_FL_COLLAPSE_RANGE, 0, 4096),
	  ALL(-EOPNOTSUPP) },
	{ CALL(fallocate, FD, FALLOC_FL_ZERO_RANGE, 0, 4096),
	  ALL(-EOPNOTSUPP) },
	{ CALL(fallocate, FD, 0, -1, 4096), ALL(-EINVAL) },
	{ CALL(fsync, FD), ALL(0) },
	{ CALL(fdatasync, FD), ALL(0) },
	{ CALL(sync_file_range, FD, 0, 4096, 0), ALL(0) },
	{ CALL(syncfs, FD), ALL(0) },
	{ CALL(cachestat, FD, BUF, BUF, 0), ALL(-EOPNOTSUPP) },

	/* What it is */
	{ CALL(fstat, FD, BUF), ALL(0) },
	{ CALL(newfstatat, FD, PATH, BUF, AT_EMPTY_PATH), ALL(0) },
	{ CALL(statx, FD, PATH, AT_EMPTY_PATH, 0x7ff, BUF), ALL(0) },
	{ CALL(fstatfs, FD, BUF), ALL(0) },
	{ CALL(fchmod, FD, 0777), ALL(0) },
	{ CALL(fchown, FD, 0, 0), ALL(0) },
	{ CALL(fgetxattr, FD, PATH, BUF, 16), ALL(-ERANGE) },
	{ CALL(flistxattr, FD, BUF, BUF_LEN), ALL(0) },
	{ CALL(utimensat, FD, 0, 0, 0), ALL(0) },
	{ CALL(fchdir, FD), ALL(-ENOTDIR) },
	{ CALL(getdents64, FD, BUF, BUF_LEN), ALL(-ENOTDIR) },
	{ CALL(name_to_handle_at, FD, PATH, BUF, BUF, AT_EMPTY_PATH),
	  EACH(-EOVERFLOW, -EOPNOTSUPP, -EOVERFLOW) },
	{ CALL(kcmp, 0, 0, KCMP_FILE, FD, FD), ALL(-ESRCH) },

	/* The descriptor */
	{ CALL(fcntl, FD, F_GETFL), ALL(ANY) },
	{ CALL(fcntl, FD, F_SETFL, O_APPEND), ALL(0) },
	{ CALL(fcntl, FD, F_SETFL, O_DIRECT), ALL(-EINVAL) },
	{ CALL(fcntl, FD, F_GETFD), ALL(0) },
	{ CALL(fcntl, FD, F_GET_SEALS),
	  EACH(SEALED, SEALED, -EINVAL) },
	{ CALL(fcntl, FD, F_ADD_SEALS, F_SEAL_WRITE),
	  EACH(-EPERM, -EPERM, -EINVAL) },
	{ CALL(fcntl, FD, F_SETLEASE, F_RDLCK), ALL(-EINVAL) },
	{ CALL(fcntl, FD, F_GETPIPE_SZ), ALL(-EBADF) },
	{ CALL(fcntl, FD, F_SETOWN, 1), ALL(0) },
	{ CALL(flock, FD, LOCK_EX | LOCK_NB), ALL(0) },
	{ CALL(ioctl, FD, FIONREAD, BUF), ALL(0) },
	{ CALL(ioctl, FD, FIBMAP, BUF), ALL(-EINVAL) },
	{ CALL(ioctl, FD, FS_IOC_GETFLAGS, BUF), EACH(0, -ENOTTY, 0) },
	{ CALL(ioctl, FD, FICLONE, OTHER), ALL(-EXDEV) },
	{ CALL(ioctl, FD, 0x12345678, BUF), ALL(-ENOTTY) },

	/* What it is not */
	{ CALL(execveat, FD, PATH, 0, 0, AT_EMPTY_PATH), ALL(-EACCES) },
	{ CALL(linkat, FD, PATH, FD, PATH, AT_EMPTY_PATH), ALL(-ENOENT) },
	{ CALL(openat, FD, PATH, O_RDONLY), ALL(-ENOENT) },
	{ CALL(mkdirat, FD, PATH, 0), ALL(-ENOENT) },
	{ CALL(unlinkat, FD, PATH, 0), ALL(-ENOENT) },
	{ CALL(finit_module, FD, PATH, 0), ALL(-ENOEXEC) },
	{ CALL(bind, FD, BUF, 16), ALL(-ENOTSOCK) },
	{ CALL(connect, FD, BUF, 16), ALL(-ENOTSOCK) },
	{ CALL(accept4, FD, 0, 0, 0), ALL(-ENOTSOCK) },
	{ CALL(sendto, FD, BUF, 16, 0, 0, 0), ALL(-ENOTSOCK) },
	{ CALL(shutdown, FD, 0), ALL(-ENOTSOCK) },
	{ CALL(epoll_wait, FD, BUF, 1, 0), ALL(-EINVAL) },
	{ CALL(inotify_rm_watch, FD, 1), ALL(-EINVAL) },
	{ CALL(timerfd_gettime, FD, BUF), ALL(-EINVAL) },
	{ CALL(signalfd4, FD, BUF, 8, 0), ALL(-EINVAL) },
	{ CALL(mq_notify, FD, 0), ALL(-EBADF) },
	{ CALL(setns, FD, 0), ALL(-EINVAL) },
	{ CALL(pidfd_send_signal, FD, 0, 0, 0), ALL(-EBADF) },
	{ CALL(pidfd_getfd, FD, 0, 0), ALL(-EBADF) },
	{ CALL(process_mrelease, FD, 0), ALL(-EBADF) },
	{ CALL(perf_event_open, BUF, 0, -1, FD, 0), ALL(-EBADF) },
	{ CALL(fsconfig, FD, 0, 0, 0, 0), ALL(-EINVAL) },
	{ CALL(fsmount, FD, 0, 0), ALL(-EINVAL) },
	{ CALL(move_mount, FD, PATH, FD, PATH, 0x44), ALL(-EINVAL) },
	{ CALL(fspick, FD, PATH, 8), ALL(-EINVAL) },
	{ CALL(open_tree, FD, PATH, AT_EMPTY_PATH), ALL(ANY) },
	{ CALL(fanotify_mark, FD, 1, 1, FD, 0), ALL(-EINVAL) },
};

FIXTURE(calls)
{
	int dev;
	int fd;
	int pipe[2];
	int other;
	long pool;
	size_t size;
	loff_t offset;
	struct iovec iov;
	char buf[65536];
};

FIXTURE_VARIANT(calls)
{
	int kind;
};

FIXTURE_VARIANT_ADD(calls, shmem)
{
	.kind = BACKING,
};

FIXTURE_VARIANT_ADD(calls, hugetlb)
{
	.kind = HUGE,
};

FIXTURE_VARIANT_ADD(calls, device)
{
	.kind = DEV,
};

FIXTURE_SETUP(calls)
{
	struct anon_test_create create = {
		.backend = variant->kind == HUGE ? HUGETLB : SHMEM,
	};
	struct anon_test_view view = {
		.flags = O_RDWR,
		.hooks = variant->kind == DEV ? ANON_TEST_DEVICE_VIEW : 0,
	};

	self->pool = -1;
	self->dev = -1;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	create.size = variant->kind == HUGE ? huge_page_size() : 16 * PAGE;
	if (variant->kind == HUGE) {
		self->pool = huge_pool_get(1);
		ASSERT_LE(0, self->pool);
	}
	if (access(DEVICE, F_OK))
		ASSERT_EQ(0, system("modprobe anon_object_device"));
	self->dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_CREATE, &create));
	self->fd = ioctl(self->dev, ANON_TEST_VIEW, &view);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, pipe(self->pipe));
	self->other = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	ASSERT_LE(0, self->other);
	self->iov.iov_base = self->buf;
	self->iov.iov_len = 16;
}

FIXTURE_TEARDOWN(calls)
{
	if (self->dev >= 0)
		close(self->dev);
	huge_pool_put(self->pool);
}

static long argument(FIXTURE_DATA(calls) *self, long arg)
{
	switch (arg) {
	case FD:
		return self->fd;
	case PIPE_IN:
		return self->pipe[0];
	case PIPE_OUT:
		return self->pipe[1];
	case OTHER:
		return self->other;
	case BUF:
		return (long)self->buf;
	case BUF_LEN:
		return sizeof(self->buf);
	case IOV:
		return (long)&self->iov;
	case PATH:
		return (long)"";
	case OFFSET:
		return (long)&self->offset;
	}
	return arg;
}

static long run(FIXTURE_DATA(calls) *self, const struct call *call)
{
	long args[6], ret;
	int i;

	for (i = 0; i < 6; i++)
		args[i] = argument(self, call->args[i]);
	memset(self->buf, 0, sizeof(self->buf));
	self->offset = 0;
	/* Something to be read from each of them */
	lseek(self->fd, 0, SEEK_SET);
	if (pwrite(self->other, self->buf, 32, 0) != 32 ||
	    write(self->pipe[1], self->buf, 32) != 32)
		return -EPIPE;
	ret = syscall(call->nr, args[0], args[1], args[2], args[3], args[4],
		      args[5]);
	return ret == -1 ? -errno : ret;
}

/* A call that this kernel has not cannot do wrong */
static bool is(long ret, long want)
{
	return ret == -ENOSYS || (want == ANY ? ret >= 0 : ret == want);
}

TEST_F(calls, give_what_they_are_to_give)
{
	unsigned int i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct call *call = &calls[i];
		long ret = run(self, call), want = call->gives[variant->kind];

		EXPECT_TRUE(is(ret, want))
			TH_LOG("%s(%#lx, %#lx, %#lx, ...): %ld, not %ld",
			       call->name, call->args[0], call->args[1],
			       call->args[2], ret, want);
	}
}

#else

TEST(calls)
{
	SKIP(return, "the table is of x86_64's calls");
}

#endif /* __x86_64__ */

TEST_HARNESS_MAIN
