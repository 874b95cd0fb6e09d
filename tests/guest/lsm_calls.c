// SPDX-License-Identifier: GPL-2.0
/*
 * lsm_calls: everything that user space can do to a segment, a memfd, shared
 * memory and a GEM object, one call after the other, for tests/guest/lsm.sh to
 * see which hooks of a security module are called meanwhile.  Says before each
 * call what it is, in the kernel's trace, and afterwards how it ended.
 *
 * What is done to a file is done to a memfd, and then to a view of a GEM object:
 * the hooks are to be the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drm_guest.h"

#define TRACE		"/sys/kernel/tracing/"
#define KEY		0x1534
#define SIZE		(4 * PAGE)

static int marker;
static char buf[64];

__printf(1, 2) static void mark(const char *fmt, ...)
{
	char line[128];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (write(marker, line, len) != len)
		perror("trace_marker");
}

static void begin(const char *what, const char *call)
{
	mark("call %s %s", what, call);
}

static void end(long ret)
{
	int err = ret < 0 ? errno : 0;

	mark("ret %d", err);
}

#define CALL(what, call) ({						\
	long __ret;							\
									\
	begin(what, #call);						\
	__ret = (long)(call);						\
	end(__ret);							\
	__ret;								\
})

/* --- what is done to any file in memory ---------------------------------------- */

static void pass_fd(int fd, int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { .iov_base = buf, .iov_len = 1 };
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
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	if (sendmsg(socket, &msg, 0) != 1)
		perror("sendmsg");
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { .iov_base = buf, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(socket, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void receive(const char *what, int fd)
{
	int sockets[2], got;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		return;
	pass_fd(fd, sockets[0]);
	got = CALL(what, receive_fd(sockets[1]));
	if (got >= 0)
		close(got);
	close(sockets[0]);
	close(sockets[1]);
}

static void map_file(const char *what, int fd, size_t size)
{
	void *map;

	map = (void *)CALL(what, mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0));
	if (map != MAP_FAILED) {
		CALL(what, mprotect(map, size, PROT_READ | PROT_WRITE));
		CALL(what, mprotect(map, size, PROT_READ | PROT_EXEC));
		CALL(what, madvise(map, size, MADV_WILLNEED));
		CALL(what, madvise(map, size, MADV_REMOVE));
		CALL(what, msync(map, size, MS_SYNC));
		CALL(what, munmap(map, size));
	}
	map = (void *)CALL(what, mmap(NULL, size, PROT_READ | PROT_WRITE,
				      MAP_SHARED, fd, 0));
	if (map != MAP_FAILED)
		munmap(map, size);
	map = (void *)CALL(what, mmap(NULL, size, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE, fd, 0));
	if (map != MAP_FAILED)
		munmap(map, size);
	map = (void *)CALL(what, mmap(NULL, size, PROT_READ | PROT_EXEC,
				      MAP_SHARED, fd, 0));
	if (map != MAP_FAILED)
		munmap(map, size);
}

static void use_file(const char *what, int fd)
{
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct stat st;
	int pipes[2], other;

	CALL(what, write(fd, buf, sizeof(buf)));
	CALL(what, pread(fd, buf, sizeof(buf), 0));
	CALL(what, preadv(fd, &iov, 1, 0));
	CALL(what, pwritev(fd, &iov, 1, 0));
	CALL(what, lseek(fd, 0, SEEK_SET));
	CALL(what, fstat(fd, &st));
	CALL(what, fchmod(fd, 0600));
	CALL(what, fchown(fd, 0, 0));
	CALL(what, futimens(fd, NULL));
	CALL(what, fsync(fd));
	CALL(what, fallocate(fd, 0, 0, SIZE));
	CALL(what, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			     PAGE));
	CALL(what, posix_fadvise(fd, 0, SIZE, POSIX_FADV_WILLNEED));
	CALL(what, fcntl(fd, F_GETFL));
	CALL(what, lockf(fd, F_TEST, 0));
	CALL(what, dup(fd));
	map_file(what, fd, SIZE);
	receive(what, fd);

	if (pipe(pipes))
		return;
	CALL(what, splice(fd, NULL, pipes[1], NULL, PAGE, 0));
	CALL(what, splice(pipes[0], NULL, fd, NULL, PAGE, 0));
	other = memfd_create("other", 0);
	CALL(what, sendfile(other, fd, NULL, PAGE));
	close(other);
	close(pipes[0]);
	close(pipes[1]);
}

/* --- the four ------------------------------------------------------------------- */

static void use_memfd(const char *what, unsigned int flags, size_t size)
{
	int fd = CALL(what, memfd_create("calls", MFD_ALLOW_SEALING | flags));
	char path[64];
	int again;

	if (fd < 0)
		return;
	CALL(what, ftruncate(fd, size));
	if (flags)
		map_file(what, fd, size);
	else
		use_file(what, fd);
	CALL(what, fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = CALL(what, open(path, O_RDWR));
	if (again >= 0)
		close(again);
	CALL(what, close(fd));
}

static int as_nobody(void *id)
{
	if (setgid(65534) || setuid(65534))
		return 1;
	return CALL("segment", shmat(*(int *)id, NULL, 0)) != -1;
}

/* The file behind an attach, which is for who may do more than others */
static void use_map_file(const char *what, void *map, size_t size)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)map, (unsigned long)map + size);
	fd = CALL(what, open(path, O_RDWR));
	if (fd < 0)
		return;
	CALL(what, pread(fd, buf, sizeof(buf), 0));
	map_file(what, fd, size);
	CALL(what, close(fd));
}

static void use_segment(const char *what, int flags, size_t size)
{
	struct shmid_ds ds;
	void *map;
	int id;

	id = CALL(what, shmget(KEY, size, IPC_CREAT | 0600 | flags));
	if (id < 0)
		return;
	CALL(what, shmget(KEY, size, 0));
	CALL(what, shmctl(id, IPC_STAT, &ds));
	CALL(what, shmctl(id, IPC_SET, &ds));
	CALL(what, shmctl(id, SHM_LOCK, NULL));
	CALL(what, shmctl(id, SHM_UNLOCK, NULL));
	CALL(what, shmctl(0, IPC_INFO, &ds));
	CALL(what, shmctl(0, SHM_INFO, &ds));
	in_child(as_nobody, &id);

	map = (void *)CALL(what, shmat(id, NULL, SHM_RDONLY));
	if (map != MAP_FAILED) {
		CALL(what, mprotect(map, size, PROT_READ | PROT_WRITE));
		CALL(what, shmdt(map));
	}
	map = (void *)CALL(what, shmat(id, NULL, SHM_EXEC));
	if (map != MAP_FAILED)
		shmdt(map);
	map = (void *)CALL(what, shmat(id, NULL, 0));
	if (map != MAP_FAILED) {
		CALL(what, mprotect(map, size, PROT_READ | PROT_EXEC));
		CALL(what, madvise(map, size, MADV_WILLNEED));
		CALL(what, msync(map, size, MS_SYNC));
		use_map_file(what, map, size);
		CALL(what, shmctl(id, IPC_RMID, NULL));
		CALL(what, shmdt(map));
	}
}

static void use_shared(void)
{
	void *map;

	map = (void *)CALL("shared", mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	if (map == MAP_FAILED)
		return;
	CALL("shared", mprotect(map, SIZE, PROT_READ | PROT_EXEC));
	use_map_file("shared", map, SIZE);
	CALL("shared", munmap(map, SIZE));
}

static void use_gem(void)
{
	/* Cached, where that can be chosen, for there is a view of it then */
	const struct drm_kind kind = { .driver = VGEM, .cached = true };
	struct drm_buf dumb;
	int dev, fd;
	void *map;

	drm_set_kind(&kind);
	dev = CALL("gem", drm_open(VGEM));
	if (dev < 0)
		return;
	CALL("gem", drm_dumb(dev, SIZE, &dumb));
	map = (void *)CALL("gem", drm_map(&dumb, SIZE, PROT_READ | PROT_WRITE));
	if (map != MAP_FAILED) {
		memset(map, 1, SIZE);
		CALL("gem", munmap(map, SIZE));
	}
	fd = CALL("gem", drm_export(&dumb));
	if (fd >= 0) {
		CALL("gem", lseek(fd, 0, SEEK_END));
		map = (void *)CALL("gem", mmap(NULL, SIZE, PROT_READ,
					       MAP_SHARED, fd, 0));
		if (map != MAP_FAILED)
			munmap(map, SIZE);
		CALL("gem", close(fd));
	}
	if (drm_has_views(dev)) {
		fd = CALL("view", drm_view(&dumb, DRM_GEM_VIEW_BACKING,
					   DRM_GEM_VIEW_RDWR));
		if (fd >= 0) {
			use_file("view", fd);
			CALL("view", close(fd));
		}
	}
	CALL("gem", drm_free(&dumb));
	CALL("gem", close(dev));
	drm_reset_kind(&kind);
}

int main(void)
{
	size_t huge = huge_page_size();

	marker = open(TRACE "trace_marker", O_WRONLY);
	if (marker < 0) {
		perror(TRACE "trace_marker");
		return 1;
	}
	/* So that modules are loaded, and the path of a library's is known */
	close(drm_open(VGEM));

	use_segment("segment", 0, SIZE);
	use_segment("segment-huge", SHM_HUGETLB, huge);
	use_memfd("memfd", 0, SIZE);
	use_memfd("memfd-huge", MFD_HUGETLB, huge);
	use_shared();
	use_gem();
	return 0;
}
