// SPDX-License-Identifier: GPL-2.0
/*
 * Who may only read memory does not get to write to it, whatever he tries: with
 * the file, with a mapping of it, or by way of a part of the kernel that
 * accesses the memory of others.  And what the kernel keeps for itself, nobody
 * finds.
 *
 * A memfd that is open for reading and a segment that is attached for reading
 * are tried in the same way, on a stock kernel too.
 */
#include "harness.h"

#include <dirent.h>
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/mount.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "anon_object_device.h"

#define DEVICE		"/dev/anon_object_test"
#define DISK		"/dev/vda"
#define NOBODY		65534
#define RW		(PROT_READ | PROT_WRITE)

/* Values of enum anon_object_backend */
#define OBJ_SHMEM	0
#define OBJ_HUGETLB	1

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4
#endif

/* What memory is behind: one or more in a mask */
enum {
	MEMFD		= 1 << 0,
	MEMFD_HUGE	= 1 << 1,
	VIEW		= 1 << 2,
	VIEW_HUGE	= 1 << 3,
	SEGMENT		= 1 << 4,
	SEGMENT_HUGE	= 1 << 5,

	MEMFDS		= MEMFD | MEMFD_HUGE,
	VIEWS		= VIEW | VIEW_HUGE,
	SEGMENTS	= SEGMENT | SEGMENT_HUGE,
	FILES		= MEMFDS | VIEWS,
	HUGES		= MEMFD_HUGE | VIEW_HUGE | SEGMENT_HUGE,
	SMALLS		= MEMFD | VIEW | SEGMENT,
	ALL		= FILES | SEGMENTS,
};

/* Somebody's who may only read it */
struct memory {
	int fd;			/* -1 for a segment */
	char *mem;		/* of all of it */
	size_t size;
	size_t page;
	int memfd;		/* with something else in it */
	int disk;		/* to be read past the page cache, or -1 */
	bool uffd;		/* has a part in userfaultfd */
};

FIXTURE(rights)
{
	struct memory ro;
	int dev;
	int fd;			/* for both */
	char *mem;
	int id;
	long pool;
};

FIXTURE_VARIANT(rights)
{
	int kind;
};

FIXTURE_VARIANT_ADD(rights, memfd)
{
	.kind = MEMFD,
};

FIXTURE_VARIANT_ADD(rights, memfd_huge)
{
	.kind = MEMFD_HUGE,
};

FIXTURE_VARIANT_ADD(rights, view)
{
	.kind = VIEW,
};

FIXTURE_VARIANT_ADD(rights, view_huge)
{
	.kind = VIEW_HUGE,
};

FIXTURE_VARIANT_ADD(rights, segment)
{
	.kind = SEGMENT,
};

FIXTURE_VARIANT_ADD(rights, segment_huge)
{
	.kind = SEGMENT_HUGE,
};

static bool device_get(void)
{
	return !access(DEVICE, F_OK) ||
	       (!system("modprobe anon_object_device") &&
		!access(DEVICE, F_OK));
}

static int view(int dev, int flags)
{
	struct anon_test_view v = { .flags = flags };

	return ioctl(dev, ANON_TEST_VIEW, &v);
}

static bool setup_memfd(FIXTURE_DATA(rights) *self, bool huge)
{
	char path[64];

	self->fd = memfd_create("rights", MFD_ALLOW_SEALING |
				(huge ? MFD_HUGETLB : 0));
	if (self->fd < 0 || ftruncate(self->fd, self->ro.size))
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	self->ro.fd = open(path, O_RDONLY);
	return self->ro.fd >= 0;
}

static bool setup_view(FIXTURE_DATA(rights) *self, bool huge)
{
	struct anon_test_create create = {
		.size = self->ro.size,
		.backend = huge ? OBJ_HUGETLB : OBJ_SHMEM,
	};

	self->dev = device_get() ? open(DEVICE, O_RDWR) : -1;
	if (self->dev < 0 || ioctl(self->dev, ANON_TEST_CREATE, &create))
		return false;
	self->fd = view(self->dev, O_RDWR);
	self->ro.fd = view(self->dev, O_RDONLY);
	return self->fd >= 0 && self->ro.fd >= 0;
}

static bool setup_segment(FIXTURE_DATA(rights) *self, bool huge)
{
	self->id = shmget(IPC_PRIVATE, self->ro.size, IPC_CREAT | 0604 |
			  (huge ? SHM_HUGETLB : 0));
	if (self->id < 0)
		return false;
	self->mem = shmat(self->id, NULL, 0);
	self->ro.mem = shmat(self->id, NULL, SHM_RDONLY);
	return self->mem != SHM_FAILED && self->ro.mem != SHM_FAILED;
}

FIXTURE_SETUP(rights)
{
	bool huge = variant->kind & HUGES, made;

	self->pool = -1;
	self->id = -1;
	self->dev = -1;
	self->fd = -1;
	self->ro.fd = -1;
	if (variant->kind & VIEWS && !kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	ASSERT_EQ(0, unshare(CLONE_NEWIPC));
	self->ro.page = PAGE;
	/* On stock, segments have not */
	self->ro.uffd = !(variant->kind & SEGMENTS) || kernel_is_ported();
	if (huge) {
		self->ro.page = huge_page_size();
		if (!self->ro.page)
			SKIP(return, "no hugetlb in this kernel");
		self->pool = huge_pool_get(4);
		ASSERT_LE(0, self->pool);
	}
	self->ro.size = 4 * self->ro.page;
	if (variant->kind & MEMFDS)
		made = setup_memfd(self, huge);
	else if (variant->kind & VIEWS)
		made = setup_view(self, huge);
	else
		made = setup_segment(self, huge);
	ASSERT_TRUE(made);
	if (variant->kind & FILES) {
		self->mem = mmap(NULL, self->ro.size, RW, MAP_SHARED, self->fd,
				 0);
		self->ro.mem = mmap(NULL, self->ro.size, PROT_READ, MAP_SHARED,
				    self->ro.fd, 0);
	}
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_NE(MAP_FAILED, self->ro.mem);
	pattern_fill(self->mem, self->ro.size, 1);

	self->ro.memfd = memfd_create("other", 0);
	ASSERT_LE(0, self->ro.memfd);
	ASSERT_EQ(0, ftruncate(self->ro.memfd, 65536));
	self->ro.disk = open(DISK, O_RDONLY | O_DIRECT);
}

FIXTURE_TEARDOWN(rights)
{
	if (self->dev >= 0)
		close(self->dev);
	shm_remove_all();
	huge_pool_put(self->pool);
}

/* --- with the file: each returns an errno, or 0 where it could --- */

static int try_write(const struct memory *ro)
{
	return ERRNO_OF(write(ro->fd, "w", 1));
}

static int try_pwrite(const struct memory *ro)
{
	return ERRNO_OF(pwrite(ro->fd, "w", 1, 0));
}

static int try_pwritev2(const struct memory *ro)
{
	struct iovec iov = { .iov_base = "w", .iov_len = 1 };

	return ERRNO_OF(pwritev2(ro->fd, &iov, 1, 0, RWF_DSYNC));
}

static int try_sendfile(const struct memory *ro)
{
	off_t from = 0;

	return ERRNO_OF(sendfile(ro->fd, ro->memfd, &from, 16));
}

static int try_copy_file_range(const struct memory *ro)
{
	loff_t from = 0, to = 0;

	return ERRNO_OF(copy_file_range(ro->memfd, &from, ro->fd, &to, 16, 0));
}

static int try_splice(const struct memory *ro)
{
	loff_t to = 0;
	int fd[2];

	if (pipe(fd) || write(fd[1], "splice", 6) != 6)
		return EPIPE;
	return ERRNO_OF(splice(fd[0], NULL, ro->fd, &to, 6, 0));
}

static int try_ftruncate(const struct memory *ro)
{
	return ERRNO_OF(ftruncate(ro->fd, 0));
}

static int try_fallocate(const struct memory *ro)
{
	return ERRNO_OF(fallocate(ro->fd, 0, 0, ro->page));
}

static int try_punch(const struct memory *ro)
{
	return ERRNO_OF(fallocate(ro->fd, FALLOC_FL_PUNCH_HOLE |
				  FALLOC_FL_KEEP_SIZE, 0, ro->page));
}

static int try_swap_out(const struct memory *ro)
{
	return posix_fadvise(ro->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int try_setfl(const struct memory *ro)
{
	if (fcntl(ro->fd, F_SETFL, O_RDWR | O_APPEND))
		return 0;
	return try_write(ro);
}

static int try_seal(const struct memory *ro)
{
	return ERRNO_OF(fcntl(ro->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
}

static int try_mmap(const struct memory *ro)
{
	return ERRNO_OF(mmap(NULL, ro->page, RW, MAP_SHARED, ro->fd, 0));
}

static int try_mmap_write_only(const struct memory *ro)
{
	return ERRNO_OF(mmap(NULL, ro->page, PROT_WRITE, MAP_SHARED_VALIDATE,
			     ro->fd, 0));
}

static int reopen(const struct memory *ro, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", ro->fd);
	return open(path, flags);
}

static int try_reopen(const struct memory *ro)
{
	return ERRNO_OF(reopen(ro, O_RDWR));
}

static int try_reopen_thread(const struct memory *ro)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", ro->fd);
	return ERRNO_OF(open(path, O_WRONLY));
}

static int try_reopen_path(const struct memory *ro)
{
	char path[64];
	int fd = reopen(ro, O_PATH);

	if (fd < 0)
		return errno;
	if (ERRNO_OF(write(fd, "p", 1)) != EBADF)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return ERRNO_OF(open(path, O_RDWR));
}

static int try_truncate(const struct memory *ro)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", ro->fd);
	return ERRNO_OF(truncate(path, 0));
}

/* One request of io_uring's; its result, or -errno */
struct ring {
	int fd;
	struct io_uring_params params;
	char *rings;
	struct io_uring_sqe *sqes;
};

static int ring_open(struct ring *ring)
{
	struct io_uring_params *p = &ring->params;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(__NR_io_uring_setup, 4, p);
	if (ring->fd < 0)
		return -errno;
	ring->rings = mmap(NULL, p->cq_off.cqes +
			   p->cq_entries * sizeof(struct io_uring_cqe), RW,
			   MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, p->sq_entries * sizeof(*ring->sqes), RW,
			  MAP_SHARED, ring->fd, IORING_OFF_SQES);
	return ring->rings == MAP_FAILED || ring->sqes == MAP_FAILED ?
	       -ENOMEM : 0;
}

static int ring_do(struct ring *ring, struct io_uring_sqe sqe)
{
	struct io_uring_params *p = &ring->params;
	__u32 *sq_tail = (void *)(ring->rings + p->sq_off.tail);
	__u32 *sq_array = (void *)(ring->rings + p->sq_off.array);
	__u32 *cq_head = (void *)(ring->rings + p->cq_off.head);
	struct io_uring_cqe *cqes = (void *)(ring->rings + p->cq_off.cqes);
	__u32 slot = *sq_tail & (p->sq_entries - 1);
	int res;

	ring->sqes[slot] = sqe;
	sq_array[slot] = slot;
	__atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, ring->fd, 1, 1,
		    IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -errno;
	res = cqes[*cq_head & (p->cq_entries - 1)].res;
	__atomic_store_n(cq_head, *cq_head + 1, __ATOMIC_RELEASE);
	return res;
}

static int ring_register(struct ring *ring, unsigned int what, void *arg)
{
	return ERRNO_OF(syscall(__NR_io_uring_register, ring->fd, what, arg,
				1));
}

static int ring_try(struct io_uring_sqe sqe)
{
	struct ring ring;
	int res = ring_open(&ring);

	if (!res)
		res = ring_do(&ring, sqe);
	return res < 0 ? -res : 0;
}

static int try_ring_write(const struct memory *ro)
{
	return ring_try((struct io_uring_sqe) {
		.opcode = IORING_OP_WRITE,
		.fd = ro->fd,
		.addr = (unsigned long)"w",
		.len = 1,
	});
}

/* The same by the number that the ring has for it */
static int try_ring_write_fixed_file(const struct memory *ro)
{
	struct ring ring;
	int fd = ro->fd, res = ring_open(&ring);

	if (res)
		return -res;
	res = ring_register(&ring, IORING_REGISTER_FILES, &fd);
	if (res)
		return ENFILE;
	res = ring_do(&ring, (struct io_uring_sqe) {
		.opcode = IORING_OP_WRITE,
		.flags = IOSQE_FIXED_FILE | IOSQE_ASYNC,
		.addr = (unsigned long)"w",
		.len = 1,
	});
	return res < 0 ? -res : 0;
}

static int try_ring_fallocate(const struct memory *ro)
{
	return ring_try((struct io_uring_sqe) {
		.opcode = IORING_OP_FALLOCATE,
		.fd = ro->fd,
		.addr = ro->page,
		.len = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	});
}

static int try_ring_ftruncate(const struct memory *ro)
{
	return ring_try((struct io_uring_sqe) {
		.opcode = IORING_OP_FTRUNCATE,
		.fd = ro->fd,
	});
}

static int try_ring_splice(const struct memory *ro)
{
	int fd[2];

	if (pipe(fd) || write(fd[1], "splice", 6) != 6)
		return EPIPE;
	return ring_try((struct io_uring_sqe) {
		.opcode = IORING_OP_SPLICE,
		.fd = ro->fd,
		.len = 6,
		.splice_fd_in = fd[0],
		.splice_off_in = -1,
	});
}

static int aio(int fd, int opcode, const void *buf, size_t len)
{
	struct iocb cb = {
		.aio_fildes = fd,
		.aio_lio_opcode = opcode,
		.aio_buf = (unsigned long)buf,
		.aio_nbytes = len,
	}, *cbs = &cb;
	aio_context_t context = 0;
	struct io_event event;

	if (syscall(SYS_io_setup, 1, &context))
		return errno;
	if (syscall(SYS_io_submit, context, 1, &cbs) != 1)
		return errno;
	if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		return errno;
	return event.res < 0 ? -event.res : 0;
}

static int try_aio_write(const struct memory *ro)
{
	return aio(ro->fd, IOCB_CMD_PWRITE, "w", 1);
}

/* --- with a mapping --- */

static int try_mprotect(const struct memory *ro)
{
	return ERRNO_OF(mprotect(ro->mem, ro->page, RW));
}

static int try_pkey_mprotect(const struct memory *ro)
{
	return ERRNO_OF(syscall(SYS_pkey_mprotect, ro->mem, ro->page, RW, -1));
}

static int try_mremap(const struct memory *ro)
{
	char *mem = mremap(ro->mem, ro->size, ro->size, MREMAP_MAYMOVE |
			   MREMAP_DONTUNMAP);

	if (mem == MAP_FAILED)
		return errno;
	return ERRNO_OF(mprotect(mem, ro->page, RW));
}

/* A second mapping of the same memory */
static int try_mremap_nothing(const struct memory *ro)
{
	char *mem = mremap(ro->mem, 0, ro->page, MREMAP_MAYMOVE);

	if (mem == MAP_FAILED)
		return errno;
	return ERRNO_OF(mprotect(mem, ro->page, RW));
}

static int try_remap_file_pages(const struct memory *ro)
{
	return ERRNO_OF(syscall(SYS_remap_file_pages, ro->mem, ro->page, 0, 0,
				0));
}

static int try_read_into(const struct memory *ro)
{
	return ERRNO_OF(pread(ro->memfd, ro->mem, 16, 0));
}

/* Past the page cache, from the disk to the memory itself */
static int try_direct_read(const struct memory *ro)
{
	if (ro->disk < 0)
		return ENOSYS;
	return ERRNO_OF(pread(ro->disk, ro->mem, 4096, 0));
}

static int try_aio_direct_read(const struct memory *ro)
{
	if (ro->disk < 0)
		return ENOSYS;
	return aio(ro->disk, IOCB_CMD_PREAD, ro->mem, 4096);
}

static int try_recv_into(const struct memory *ro)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) || write(fd[1], "r", 1) != 1)
		return EPIPE;
	return ERRNO_OF(recv(fd[0], ro->mem, 1, 0));
}

/* What comes out of a pipe */
static int try_vmsplice_into(const struct memory *ro)
{
	struct iovec iov = { .iov_base = ro->mem, .iov_len = 1 };
	int fd[2];

	if (pipe(fd) || write(fd[1], "v", 1) != 1)
		return EPIPE;
	return ERRNO_OF(vmsplice(fd[0], &iov, 1, 0));
}

/*
 * Memory that is given to a pipe as a gift, with something written behind it:
 * that must not go to where the gift has come from.
 */
static int try_vmsplice_gift(const struct memory *ro)
{
	struct iovec iov = { .iov_base = ro->mem, .iov_len = PAGE };
	int fd[2];

	if (pipe(fd))
		return EPIPE;
	if (vmsplice(fd[1], &iov, 1, SPLICE_F_GIFT) != PAGE)
		return errno;
	iov.iov_len = 1;
	if (vmsplice(fd[1], &iov, 1, SPLICE_F_GIFT) != 1 ||
	    write(fd[1], "gift", 4) != 4)
		return errno;
	/* To where pages of it would be moved rather than copied */
	splice(fd[0], NULL, ro->memfd, NULL, PAGE + 5, SPLICE_F_MOVE);
	return 0;
}

static int try_splice_and_append(const struct memory *ro)
{
	loff_t from = 0;
	int fd[2];

	if (pipe(fd))
		return EPIPE;
	if (splice(ro->fd, &from, fd[1], NULL, 1, 0) != 1)
		return errno;
	return write(fd[1], "dirty pipe", 10) != 10;
}

static int try_process_vm_writev(const struct memory *ro)
{
	struct iovec from = { .iov_base = "w", .iov_len = 1 };
	struct iovec to = { .iov_base = ro->mem, .iov_len = 1 };

	return ERRNO_OF(process_vm_writev(getpid(), &from, 1, &to, 1, 0));
}

static int try_proc_mem(const struct memory *ro)
{
	int fd = open("/proc/self/mem", O_RDWR);

	if (fd < 0)
		return ENFILE;
	return ERRNO_OF(pwrite(fd, "m", 1, (unsigned long)ro->mem));
}

static int try_ptrace(const struct memory *ro)
{
	int status, err;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return ECHILD;
	err = ERRNO_OF(ptrace(PTRACE_POKEDATA, pid, ro->mem, (void *)0x70));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return err;
}

static int try_remove(const struct memory *ro)
{
	return ERRNO_OF(madvise(ro->mem, ro->page, MADV_REMOVE));
}

static int try_populate(const struct memory *ro)
{
	return ERRNO_OF(madvise(ro->mem, ro->page, MADV_POPULATE_WRITE));
}

static int try_futex(const struct memory *ro)
{
	__u32 own = 0;

	return ERRNO_OF(syscall(SYS_futex, &own, FUTEX_WAKE_OP, 1, NULL,
				ro->mem, FUTEX_OP(FUTEX_OP_SET, 1,
						  FUTEX_OP_CMP_EQ, 1)));
}

/* -1 where it does not have these features */
static int userfaultfd(__u64 features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	return fd < 0 || ioctl(fd, UFFDIO_API, &api) ? -1 : fd;
}

static int uffd_register(const struct memory *ro, __u64 mode, __u64 features)
{
	struct uffdio_register reg = {
		.range = { .start = (unsigned long)ro->mem, .len = ro->page },
		.mode = mode,
	};
	int fd = ro->uffd ? userfaultfd(features) : -1;

	return fd < 0 ? ENOSYS : ERRNO_OF(ioctl(fd, UFFDIO_REGISTER, &reg));
}

static int try_uffd_missing(const struct memory *ro)
{
	return uffd_register(ro, UFFDIO_REGISTER_MODE_MISSING, 0);
}

static int try_uffd_wp(const struct memory *ro)
{
	return uffd_register(ro, UFFDIO_REGISTER_MODE_WP,
			     UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
}

static int try_uffd_minor(const struct memory *ro)
{
	return uffd_register(ro, UFFDIO_REGISTER_MODE_MINOR,
			     UFFD_FEATURE_MINOR_SHMEM);
}

/* To where the kernel has not been asked to let it */
static int try_uffd_copy(const struct memory *ro)
{
	struct uffdio_copy copy = {
		.dst = (unsigned long)ro->mem,
		.src = (unsigned long)ro->mem + ro->page,
		.len = ro->page,
	};
	int fd = userfaultfd(0);

	if (fd < 0)
		return ENOSYS;
	/* Where it is missing, which it need not be in the page cache for */
	madvise(ro->mem, ro->page, MADV_DONTNEED);
	return ERRNO_OF(ioctl(fd, UFFDIO_COPY, &copy));
}

static int try_ring_read_into(const struct memory *ro)
{
	return ring_try((struct io_uring_sqe) {
		.opcode = IORING_OP_READ,
		.fd = ro->memfd,
		.addr = (unsigned long)ro->mem,
		.len = 16,
	});
}

static int try_ring_direct_read(const struct memory *ro)
{
	if (ro->disk < 0)
		return ENOSYS;
	return ring_try((struct io_uring_sqe) {
		.opcode = IORING_OP_READ,
		.fd = ro->disk,
		.addr = (unsigned long)ro->mem,
		.len = 4096,
	});
}

/* Pinned for the long term and for writing, as it would be for a device */
static int try_ring_fixed_buffer(const struct memory *ro)
{
	struct iovec iov = { .iov_base = ro->mem, .iov_len = PAGE };
	struct ring ring;
	int res = ring_open(&ring);

	if (res)
		return -res;
	res = ring_register(&ring, IORING_REGISTER_BUFFERS, &iov);
	if (res)
		return res;
	res = ring_do(&ring, (struct io_uring_sqe) {
		.opcode = IORING_OP_READ_FIXED,
		.fd = ro->memfd,
		.addr = (unsigned long)ro->mem,
		.len = 16,
	});
	return res < 0 ? -res : 0;
}

/* A copy of one's own can be written to, in all these ways, and is but that */
static int write_to_own(const struct memory *ro, char *own)
{
	struct iovec from = { .iov_base = "w", .iov_len = 1 };
	struct iovec to = { .iov_base = own, .iov_len = 1 };
	struct iovec buf = { .iov_base = own, .iov_len = PAGE };
	struct ring ring;
	int fd;

	if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) != 1 ||
	    pread(ro->memfd, own, 16, 0) != 16)
		return errno;
	if (!ring_open(&ring) &&
	    !ring_register(&ring, IORING_REGISTER_BUFFERS, &buf))
		ring_do(&ring, (struct io_uring_sqe) {
			.opcode = IORING_OP_READ_FIXED,
			.fd = ro->memfd,
			.addr = (unsigned long)own,
			.len = 16,
		});
	own[1] = 'w';
	/* As a debugger does it, where not even its owner may */
	if (mprotect(own, PAGE, PROT_READ))
		return errno;
	fd = open("/proc/self/mem", O_RDWR);
	if (fd < 0)
		return errno;
	pwrite(fd, "m", 1, (unsigned long)own);
	close(fd);
	return 0;
}

static int try_private(const struct memory *ro)
{
	char *own = mmap(NULL, ro->size, RW, MAP_PRIVATE, ro->fd, 0);

	return own == MAP_FAILED ? errno : write_to_own(ro, own);
}

static int try_private_seen_before(const struct memory *ro)
{
	char *own = mmap(NULL, ro->size, RW, MAP_PRIVATE, ro->fd, 0);

	if (own == MAP_FAILED)
		return errno;
	__atomic_load_n(own, __ATOMIC_RELAXED);
	return write_to_own(ro, own);
}

/* What userfaultfd puts where a private mapping has nothing yet */
static int try_private_uffd_copy(const struct memory *ro)
{
	char *own = mmap(NULL, ro->page, RW, MAP_PRIVATE, ro->fd, 0);
	struct uffdio_register reg = {
		.range = { .start = (unsigned long)own, .len = ro->page },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_copy copy = {
		.dst = (unsigned long)own,
		.src = (unsigned long)ro->mem + ro->page,
		.len = ro->page,
	};
	int fd = userfaultfd(0);

	if (own == MAP_FAILED || fd < 0)
		return ENOSYS;
	if (ioctl(fd, UFFDIO_REGISTER, &reg))
		return errno;
	if (ioctl(fd, UFFDIO_COPY, &copy))
		return errno;
	return memcmp(own, ro->mem + ro->page, ro->page) ? EIO : 0;
}

/*
 * What a try gives, with the memory as it was in any case; and whether it does
 * so to those who may write as well.
 */
struct attempt {
	const char *name;
	int (*try)(const struct memory *ro);
	int on;
	int gives;
	bool to_all;
};

#define TRY(what)	.name = #what, .try = try_##what

static const struct attempt attempts[] = {
	{ TRY(write), FILES, EBADF },
	{ TRY(pwrite), FILES, EBADF },
	{ TRY(pwritev2), FILES, EBADF },
	{ TRY(sendfile), FILES, EBADF },
	{ TRY(copy_file_range), FILES, EBADF },
	{ TRY(splice), FILES, EBADF },
	{ TRY(ftruncate), FILES, EINVAL },
	{ TRY(fallocate), FILES, EBADF },
	{ TRY(punch), FILES, EBADF },
	{ TRY(swap_out), VIEWS, EPERM },
	{ TRY(setfl), FILES, EBADF },
	{ TRY(seal), FILES, EPERM, true },
	{ TRY(mmap), FILES, EACCES },
	{ TRY(mmap_write_only), FILES, EACCES },
	{ TRY(reopen), VIEWS, EACCES, true },
	{ TRY(reopen_thread), VIEWS, EACCES, true },
	{ TRY(reopen_path), VIEWS, EACCES, true },
	{ TRY(truncate), VIEWS, EPERM, true },
	{ TRY(ring_write), FILES, EBADF },
	{ TRY(ring_write_fixed_file), FILES, EBADF },
	{ TRY(ring_fallocate), FILES, EBADF },
	{ TRY(ring_ftruncate), FILES, EINVAL },
	{ TRY(ring_splice), FILES, EBADF },
	{ TRY(aio_write), FILES, EBADF },
	{ TRY(splice_and_append), MEMFD | VIEWS, 0, true },
	{ TRY(private), MEMFD | VIEW, 0, true },
	{ TRY(private_seen_before), MEMFD | VIEW, 0, true },
	{ TRY(private_uffd_copy), MEMFD | VIEW, 0, true },

	{ TRY(mprotect), ALL, EACCES },
	{ TRY(pkey_mprotect), ALL, EACCES },
	{ TRY(mremap), SMALLS, EACCES },
	{ TRY(mremap), HUGES, EINVAL, true },
	{ TRY(mremap_nothing), SMALLS, EACCES },
	{ TRY(mremap_nothing), HUGES, EINVAL, true },
	{ TRY(remap_file_pages), ALL, EINVAL },
	{ TRY(read_into), ALL, EFAULT },
	{ TRY(direct_read), ALL, EFAULT },
	{ TRY(aio_direct_read), ALL, EFAULT },
	{ TRY(recv_into), ALL, EFAULT },
	{ TRY(vmsplice_into), ALL, EFAULT },
	{ TRY(vmsplice_gift), ALL, 0, true },
	{ TRY(process_vm_writev), ALL, EFAULT },
	{ TRY(proc_mem), ALL, EIO },
	{ TRY(ptrace), ALL, EIO },
	{ TRY(remove), ALL, EACCES },
	{ TRY(populate), ALL, EINVAL },
	{ TRY(futex), ALL, EFAULT },
	{ TRY(uffd_missing), ALL, EPERM },
	{ TRY(uffd_wp), ALL, EPERM },
	{ TRY(uffd_minor), ALL, EPERM },
	{ TRY(uffd_copy), ALL, ENOENT, true },
	{ TRY(ring_read_into), ALL, EFAULT },
	{ TRY(ring_direct_read), ALL, EFAULT },
	{ TRY(ring_fixed_buffer), ALL, EFAULT },
};

struct trial {
	const struct attempt *attempt;
	const struct memory *ro;
	uid_t uid;
};

static bool become(uid_t uid)
{
	return !setresgid(uid, uid, uid) && !setresuid(uid, uid, uid) &&
	       /* As who has always been that */
	       !prctl(PR_SET_DUMPABLE, 1);
}

static int run_trial(void *arg)
{
	struct trial *trial = arg;

	if (trial->uid && !become(trial->uid))
		return 255;
	return trial->attempt->try(trial->ro);
}

/* A call that this kernel has not cannot do wrong */
TEST_F(rights, not_got_in_any_way)
{
	static const uid_t uids[] = { 0, NOBODY };
	struct trial trial = { .ro = &self->ro };
	unsigned int i, who;

	for (i = 0; i < ARRAY_SIZE(attempts); i++) {
		trial.attempt = &attempts[i];
		if (!(trial.attempt->on & variant->kind))
			continue;
		for (who = 0; who < ARRAY_SIZE(uids); who++) {
			int got;

			trial.uid = uids[who];
			got = in_child(run_trial, &trial);
			EXPECT_TRUE(got == trial.attempt->gives ||
				    got == ENOSYS)
				TH_LOG("%s by %u: %d, not %d",
				       trial.attempt->name, trial.uid, got,
				       trial.attempt->gives);
			EXPECT_EQ(0, pattern_check(self->mem, 4 * PAGE, 1))
				TH_LOG("%s by %u has changed the memory",
				       trial.attempt->name, trial.uid);
			pattern_fill(self->mem, 4 * PAGE, 1);
		}
	}
}

/* And those who may write can do so, or what is tried is no way to write. */
TEST_F(rights, got_by_who_may_write)
{
	struct memory rw = self->ro;
	struct trial trial = { .ro = &rw };
	unsigned int i;

	rw.fd = self->fd;
	rw.mem = self->mem;
	for (i = 0; i < ARRAY_SIZE(attempts); i++) {
		int got;

		trial.attempt = &attempts[i];
		if (!(trial.attempt->on & variant->kind) ||
		    trial.attempt->to_all)
			continue;
		got = in_child(run_trial, &trial);
		/* A memfd may be empty now */
		if (variant->kind & MEMFDS)
			ASSERT_EQ(0, ftruncate(self->fd, self->ro.size));
		EXPECT_TRUE(got == ENOSYS || got != trial.attempt->gives ||
			    pattern_check(self->mem, 4 * PAGE, 1))
			TH_LOG("%s: %d, and nothing has changed",
			       trial.attempt->name, got);
		pattern_fill(self->mem, 4 * PAGE, 1);
	}
}

/* --- what only root has --- */

/* A file of the same memory, by a handle; or -1 */
static int open_handle(int fd, int mount)
{
	struct {
		struct file_handle head;
		char bytes[MAX_HANDLE_SZ];
	} handle = { .head.handle_bytes = MAX_HANDLE_SZ };
	int id;

	if (name_to_handle_at(fd, "", &handle.head, &id, AT_EMPTY_PATH))
		return -1;
	return open_by_handle_at(mount, &handle.head, O_RDWR);
}

static int open_map_file(const struct memory *ro, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)ro->mem, (unsigned long)ro->mem + ro->size);
	return open(path, flags);
}

TEST_F(rights, not_got_by_root)
{
	bool views = variant->kind & VIEWS;
	const struct memory *ro = &self->ro;
	int fd;

	/* A memfd and a segment can be had in this way, by root alone */
	EXPECT_EQ(views ? EACCES : 0, ERRNO_OF(open_map_file(ro, O_RDWR)));
	EXPECT_EQ(views ? EACCES : 0, ERRNO_OF(open_map_file(ro, O_RDONLY)));
	if (!(variant->kind & FILES))
		return;
	EXPECT_EQ(EINVAL, ERRNO_OF(syscall(SYS_open_tree, ro->fd, "",
					   AT_EMPTY_PATH | OPEN_TREE_CLONE)));
	EXPECT_EQ(EXDEV, ERRNO_OF(linkat(ro->fd, "", AT_FDCWD, "/tmp/rights",
					 AT_EMPTY_PATH)));
	/* There are no handles on hugetlbfs */
	fd = open_handle(ro->fd, ro->memfd);
	if (variant->kind & HUGES) {
		EXPECT_EQ(-1, fd);
		EXPECT_EQ(EOPNOTSUPP, errno);
	} else if (views) {
		EXPECT_EQ(-1, fd);
		EXPECT_EQ(EACCES, errno);
	} else {
		EXPECT_LE(0, fd);
	}
}

/* By who may write only, the other way round. */
TEST_F(rights, write_only_is_not_read)
{
	const struct memory *ro = &self->ro;
	char path[64], c;
	off_t from = 0;
	int wo, fd[2];

	if (!(variant->kind & FILES))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	wo = variant->kind & VIEWS ? view(self->dev, O_WRONLY) :
				     open(path, O_WRONLY);
	ASSERT_LE(0, wo);
	ASSERT_EQ(0, pipe(fd));
	EXPECT_EQ(EBADF, ERRNO_OF(pread(wo, &c, 1, 0)));
	EXPECT_EQ(EBADF, ERRNO_OF(sendfile(ro->memfd, wo, &from, 1)));
	EXPECT_EQ(EBADF, ERRNO_OF(splice(wo, NULL, fd[1], NULL, 1, 0)));
	EXPECT_EQ(EBADF, aio(wo, IOCB_CMD_PREAD, &c, 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, ro->page, PROT_READ, MAP_SHARED, wo,
				   0));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, ro->page, PROT_WRITE, MAP_PRIVATE, wo,
				   0));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, ro->page, PROT_NONE, MAP_SHARED, wo,
				   0));
	EXPECT_EQ(EACCES, errno);
}

/* --- a write that is under way while its file is sealed --- */

struct slow_write {
	int fd;
	int uffd;
	char *from;		/* two pages, of which the second is missing */
	int memfd;
	int err;		/* of sealing it */
	char *seen;		/* what is in it after it has been sealed */
	char after;
};

static void *write_slowly(void *arg)
{
	struct slow_write *slow = arg;

	return (void *)(long)pwrite(slow->fd, slow->from, 2 * PAGE, 0);
}

static void *seal(void *arg)
{
	struct slow_write *slow = arg;

	slow->err = ERRNO_OF(fcntl(slow->memfd, F_ADD_SEALS, F_SEAL_WRITE));
	slow->after = slow->seen[PAGE];
	return NULL;
}

static bool missing_second_page(struct slow_write *slow)
{
	struct uffdio_register reg = {
		.range = { .len = PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };

	slow->from = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
	/* Blocking, it could not be polled */
	slow->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (slow->from == MAP_FAILED || slow->uffd < 0 ||
	    ioctl(slow->uffd, UFFDIO_API, &api))
		return false;
	memset(slow->from, '1', PAGE);
	reg.range.start = (unsigned long)slow->from + PAGE;
	return !ioctl(slow->uffd, UFFDIO_REGISTER, &reg);
}

/* Give what @slow waits for, somewhat later than now */
static bool supply_second_page(struct slow_write *slow)
{
	const struct timespec while_it_is_sealed = { .tv_nsec = 300000000 };
	struct uffdio_copy copy = {
		.dst = (unsigned long)slow->from + PAGE,
		.src = (unsigned long)slow->from,
		.len = PAGE,
	};

	nanosleep(&while_it_is_sealed, NULL);
	return !ioctl(slow->uffd, UFFDIO_COPY, &copy);
}

FIXTURE(sealing)
{
	int dev;
	int memfd;
	int fd;
};

FIXTURE_VARIANT(sealing)
{
	bool view;
};

FIXTURE_VARIANT_ADD(sealing, memfd)
{
	.view = false,
};

FIXTURE_VARIANT_ADD(sealing, view)
{
	.view = true,
};

FIXTURE_SETUP(sealing)
{
	if (variant->view && !kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no views");
	self->memfd = memfd_create("sealing", MFD_ALLOW_SEALING);
	ASSERT_LE(0, self->memfd);
	ASSERT_EQ(0, ftruncate(self->memfd, 2 * PAGE));
	self->fd = self->memfd;
	if (!variant->view)
		return;
	ASSERT_TRUE(device_get());
	self->dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_ADOPT, self->memfd));
	self->fd = view(self->dev, O_RDWR);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(sealing)
{
}

/* What is sealed does not change any more. */
TEST_F(sealing, nothing_is_written_after)
{
	struct slow_write slow = { .fd = self->fd, .memfd = self->memfd };
	pthread_t writer, sealer;
	struct pollfd poll_fd;
	void *written;

	slow.seen = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, self->memfd,
			 0);
	ASSERT_NE(MAP_FAILED, slow.seen);
	ASSERT_TRUE(missing_second_page(&slow));
	ASSERT_EQ(0, pthread_create(&writer, NULL, write_slowly, &slow));
	poll_fd = (struct pollfd){ .fd = slow.uffd, .events = POLLIN };
	ASSERT_EQ(1, poll(&poll_fd, 1, 60000));
	ASSERT_EQ(POLLIN, poll_fd.revents);
	ASSERT_EQ(0, pthread_create(&sealer, NULL, seal, &slow));
	ASSERT_TRUE(supply_second_page(&slow));
	ASSERT_EQ(0, pthread_join(writer, &written));
	ASSERT_EQ(0, pthread_join(sealer, NULL));
	EXPECT_EQ(2 * PAGE, (unsigned long)written);
	/* A memfd waits for the write, a view is busy with it */
	ASSERT_EQ(variant->view ? EBUSY : 0, slow.err)
		TH_LOG("%ld bytes were written, and after sealing it had %d there",
		       (long)written, slow.after);
	if (!slow.err)
		EXPECT_EQ('1', slow.after);
	/* Now that it is over */
	EXPECT_EQ(0, fcntl(self->memfd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EPERM, ERRNO_OF(pwrite(self->fd, "x", 1, 0)));
}

/* --- locking --- */

struct lock_trial {
	struct memory *ro;
	int id;
};

static void limit_memlock(size_t bytes)
{
	struct rlimit limit = { bytes, bytes };

	setrlimit(RLIMIT_MEMLOCK, &limit);
}

static void *map_again(struct lock_trial *trial, int flags)
{
	if (trial->ro->fd < 0)
		return shmat(trial->id, NULL, SHM_RDONLY);
	return mmap(NULL, trial->ro->size, PROT_READ, MAP_SHARED | flags,
		    trial->ro->fd, 0);
}

/* Returns 0, or the line that is wrong */
static int lock_beyond_limit(void *arg)
{
	struct lock_trial *trial = arg;
	size_t page = trial->ro->page;
	char *mem = trial->ro->mem;

	limit_memlock(2 * page);
	if (!become(NOBODY))
		return __LINE__ & 0xff;
	if (ERRNO_OF(mlock(mem, 3 * page)) != ENOMEM)
		return __LINE__ & 0xff;
	if (mlock(mem, 2 * page))
		return __LINE__ & 0xff;
	/* Huge pages are locked as they are, and are not counted */
	if (page != PAGE)
		return 0;
	if (ERRNO_OF(mlock(mem + 2 * page, page)) != ENOMEM)
		return __LINE__ & 0xff;
	if (ERRNO_OF(mlock2(mem + 2 * page, page, MLOCK_ONFAULT)) != ENOMEM)
		return __LINE__ & 0xff;
	/* Once more costs nothing, and what is given back can be had again */
	if (mlock(mem, 2 * page) || munlock(mem, page) ||
	    mlock(mem + 2 * page, page) || munlock(mem, 3 * page))
		return __LINE__ & 0xff;
	if (trial->ro->fd >= 0) {
		/* It says EAGAIN where there is a limit, EPERM where it is 0 */
		if (map_again(trial, MAP_LOCKED) != MAP_FAILED ||
		    errno != EAGAIN)
			return __LINE__ & 0xff;
	}
	return 0;
}

static int lock_all_beyond_limit(void *arg)
{
	struct lock_trial *trial = arg;

	if (!become(NOBODY))
		return __LINE__ & 0xff;
	limit_memlock(2 * trial->ro->page);
	if (ERRNO_OF(mlockall(MCL_CURRENT)) != ENOMEM)
		return __LINE__ & 0xff;
	/* From now on, all that is mapped is locked */
	if (mlockall(MCL_FUTURE))
		return __LINE__ & 0xff;
	if (map_again(trial, 0) != MAP_FAILED || errno != EAGAIN)
		return __LINE__ & 0xff;
	munlockall();
	if (map_again(trial, 0) == MAP_FAILED)
		return __LINE__ & 0xff;
	limit_memlock(0);
	if (ERRNO_OF(mlock(trial->ro->mem, trial->ro->page)) != EPERM)
		return __LINE__ & 0xff;
	return 0;
}

TEST_F(rights, not_locked_beyond_the_limit)
{
	struct lock_trial trial = { .ro = &self->ro, .id = self->id };

	EXPECT_EQ(0, in_child(lock_beyond_limit, &trial))
		TH_LOG("the line, modulo 256");
	EXPECT_EQ(0, in_child(lock_all_beyond_limit, &trial))
		TH_LOG("the line, modulo 256");
}

/* Memory that is registered for io_uring is pinned, and counted. */
static int pin_beyond_limit(void *arg)
{
	const struct memory *rw = arg;
	struct iovec iov = { .iov_base = rw->mem, .iov_len = rw->size };
	struct ring ring;
	int err;

	limit_memlock(rw->size / 2);
	if (!become(NOBODY))
		return 255;
	err = ring_open(&ring);
	if (err)
		return -err;
	return ring_register(&ring, IORING_REGISTER_BUFFERS, &iov);
}

TEST_F(rights, not_pinned_beyond_the_limit)
{
	struct memory rw = { .mem = self->mem, .size = self->ro.size };
	int err = in_child(pin_beyond_limit, &rw);

	if (err == ENOSYS)
		SKIP(return, "no io_uring in this kernel");
	EXPECT_EQ(ENOMEM, err);
}

/* --- a guest's memory --- */

#if defined(__x86_64__) || defined(__i386__)
/* mov %al,0x0; hlt in real mode, at 0x1000; what KVM_RUN gives, or -1 */
static int write_as_guest(int kvm, const struct memory *ro, char *code)
{
	struct kvm_userspace_memory_region regions[] = {
		{ 0, 0, 0, 0x1000, (unsigned long)ro->mem },
		{ 1, 0, 0x1000, 0x1000, (unsigned long)code },
	};
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), cpu, i;
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2, .rax = 'k' };

	memcpy(code, "\xa2\x00\x00\xf4", 4);
	for (i = 0; i < 2; i++)
		if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &regions[i]))
			return -1;
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (cpu < 0 || ioctl(cpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) ||
	    ioctl(cpu, KVM_SET_REGS, &regs))
		return -1;
	return ERRNO_OF(ioctl(cpu, KVM_RUN, 0));
}

TEST_F(rights, not_got_by_a_guest)
{
	int kvm = open("/dev/kvm", O_RDWR);
	char *code;

	if (kvm < 0)
		SKIP(return, "no /dev/kvm in this kernel");
	code = mmap(NULL, 0x1000, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, code);
	EXPECT_EQ(EFAULT, write_as_guest(kvm, &self->ro, code));
	EXPECT_EQ(0, pattern_check(self->mem, PAGE, 1));
}
#endif

/* --- what the kernel keeps for itself --- */

FIXTURE(private)
{
	int dev;
	long pool;
	char name[32];
};

FIXTURE_VARIANT(private)
{
	bool huge;
};

FIXTURE_VARIANT_ADD(private, shmem)
{
	.huge = false,
};

FIXTURE_VARIANT_ADD(private, hugetlb)
{
	.huge = true,
};

FIXTURE_SETUP(private)
{
	struct anon_test_create create = {
		.size = PAGE,
		.backend = variant->huge ? OBJ_HUGETLB : OBJ_SHMEM,
	};
	struct anon_test_range range = { .len = PAGE };

	self->pool = -1;
	if (!kernel_is_ported())
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel has no objects");
	ASSERT_TRUE(device_get());
	if (variant->huge) {
		create.size = huge_page_size();
		self->pool = huge_pool_get(1);
		ASSERT_LE(0, self->pool);
	}
	range.len = create.size;
	self->dev = open(DEVICE, O_RDWR);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_CREATE, &create));
	ASSERT_EQ(0, ioctl(self->dev, ANON_TEST_PIN, &range));
}

FIXTURE_TEARDOWN(private)
{
	if (self->dev >= 0)
		close(self->dev);
	huge_pool_put(self->pool);
}

#define NAME	"anon-object-test"

/* Whether a link in that directory leads to the object */
static bool links_to_it(const char *dir)
{
	char link[512], target[256];
	struct dirent *entry;
	bool found = false;
	DIR *d = opendir(dir);
	ssize_t len;

	while (d && !found && (entry = readdir(d))) {
		snprintf(link, sizeof(link), "%s/%s", dir, entry->d_name);
		len = readlink(link, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		found = strstr(target, NAME);
	}
	if (d)
		closedir(d);
	return found;
}

static bool file_names_it(const char *path)
{
	bool found = false;
	char line[512];
	FILE *f = fopen(path, "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, NAME);
	if (f)
		fclose(f);
	return found;
}

/* Looks at all processes there are, kernel threads among them */
static int count_in_proc(void)
{
	static const char * const files[] = { "maps", "numa_maps", "smaps" };
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	char path[320];
	int found = 0;
	unsigned int i;

	while (proc && (entry = readdir(proc))) {
		if (!atoi(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/fd", entry->d_name);
		found += links_to_it(path);
		snprintf(path, sizeof(path), "/proc/%s/map_files",
			 entry->d_name);
		found += links_to_it(path);
		for (i = 0; i < ARRAY_SIZE(files); i++) {
			snprintf(path, sizeof(path), "/proc/%s/%s",
				 entry->d_name, files[i]);
			found += file_names_it(path);
		}
	}
	if (proc)
		closedir(proc);
	return found;
}

TEST_F(private, is_not_in_proc)
{
	struct anon_test_view v = { .flags = O_RDONLY };

	EXPECT_EQ(0, count_in_proc());
	EXPECT_TRUE(file_names_it(ANON_OBJECTS));
	EXPECT_EQ(ENODEV, ERRNO_OF(mmap(NULL, PAGE, PROT_READ, MAP_SHARED,
					self->dev, 0)));
	EXPECT_EQ(EINVAL, ERRNO_OF(read(self->dev, &v, 1)));

	/* That it would have been found */
	ASSERT_LE(0, ioctl(self->dev, ANON_TEST_VIEW, &v));
	EXPECT_EQ(1, count_in_proc());
}

static int read_table(void *arg)
{
	return ERRNO_OF(become(NOBODY) ? open(ANON_OBJECTS, O_RDONLY) : -2);
}

TEST_F(private, is_listed_for_root_only)
{
	struct stat st;

	EXPECT_EQ(EACCES, in_child(read_table, NULL));
	/* Wherever that is mounted, and by whom */
	ASSERT_EQ(0, stat(ANON_OBJECTS, &st));
	EXPECT_EQ(0400, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
}

TEST_HARNESS_MAIN
