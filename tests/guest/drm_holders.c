// SPDX-License-Identifier: GPL-2.0
/*
 * What tools/mm/anon_objects says of who holds an object, in each way that
 * there is of holding one.
 */
#include "harness.h"

#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <drm/drm_fourcc.h>

#include "anon_object_device.h"
#include "drm_guest.h"

#define DEVICE	"/dev/anon_object_test"
#define SIZE	(2 * MIB)

/* Values of enum anon_object_huge */
#define HUGE_NEVER	1

#define NOBODY	65534

/* What the tool has printed last, with one space where there are several */
static char said[256 * 1024];

static int read_said(const char *path)
{
	char *from, *to;

	if (read_file(path, said, sizeof(said)))
		return -1;
	for (from = to = said; *from; from++)
		if (*from != ' ' || from[1] != ' ')
			*to++ = *from;
	*to = '\0';
	return 0;
}

static int tool(const char *args)
{
	char command[512], output[64];
	int status;

	snprintf(output, sizeof(output), "/tmp/anon_objects.%d", getuid());
	snprintf(command, sizeof(command), "python3 -B " TOOL " %s >%s 2>&1",
		 args, output);
	status = system(command);
	if (read_said(output))
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void print_said(void)
{
	const char *at = said;

	for (; *at; at += strcspn(at, "\n") + 1) {
		printf("# %.*s\n", (int)strcspn(at, "\n"), at);
		if (!strchr(at, '\n'))
			break;
	}
}

/* Is it a line of a tree, and not the next object's? */
static bool in_tree(const char *line)
{
	const char *branch = strstr(line, "─ ");

	return branch && branch - line < strcspn(line, "\n");
}

/* The lines of an object, by what is in no other's, as a string of its own */
static char *lines_of(const char *name)
{
	static char lines[16384];
	char *at, *end;

	lines[0] = '\0';
	at = strstr(said, name);
	if (!at)
		return lines;
	while (at > said && at[-1] != '\n')
		at--;
	/* Its holders are a tree below it */
	end = at;
	do {
		end += strcspn(end, "\n");
		end += *end == '\n';
	} while (in_tree(end));
	snprintf(lines, sizeof(lines), "%.*s", (int)(end - at), at);
	return lines;
}

/* How many lines of what was said have that in them */
static int count_said(const char *text)
{
	const char *at = said;
	int count = 0;

	while ((at = strstr(at, text))) {
		count++;
		at = strchr(at, '\n');
		if (!at)
			break;
	}
	return count;
}

/* A number in what was said as JSON: the last that has this name */
static long long number_said(const char *name)
{
	const char *at = said;
	long long value = -1, one;
	char key[64];

	snprintf(key, sizeof(key), "\"%s\":", name);
	while ((at = strstr(at, key))) {
		at += strlen(key);
		if (sscanf(at, "%lld", &one) == 1)
			value = one;
	}
	return value;
}

#define EXPECT_SAID(name, fmt, ...) do {				\
	char __text[256];						\
									\
	snprintf(__text, sizeof(__text), fmt, ##__VA_ARGS__);		\
	EXPECT_NE(NULL, strstr(lines_of(name), __text)) {			\
		TH_LOG("%s: no \"%s\" in:\n%s", name, __text,		\
		       lines_of(name));					\
	}								\
} while (0)

#define EXPECT_NOT_SAID(name, text)					\
	EXPECT_EQ(NULL, strstr(lines_of(name), text)) {			\
		TH_LOG("%s: \"%s\" in:\n%s", name, text,		\
		       lines_of(name));					\
	}

static bool device_get(void)
{
	if (!access(DEVICE, F_OK))
		return true;
	return system("modprobe anon_object_device 2>/dev/null") == 0 &&
	       !access(DEVICE, F_OK);
}

/* A memfd with contents */
static int memfd(const char *name, size_t size)
{
	char *buf = calloc(1, size);
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (buf)
		memset(buf, 'm', size);
	if (fd >= 0 && (!buf || pwrite(fd, buf, size, 0) != size)) {
		close(fd);
		fd = -1;
	}
	free(buf);
	return fd;
}

static int send_fd(int socket, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int socket)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	char c;
	struct iovec iov = { .iov_base = &c, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	int fd = -1;

	if (recvmsg(socket, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* A child that lives until it is told to go, after fn(arg); its pid, or -1 */
static pid_t child_with(int (*fn)(void *arg), void *arg)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		return -1;
	pid = fork();
	if (!pid) {
		c = fn(arg);
		if (write(ready[1], &c, 1) == 1 && !c)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (pid > 0 && (read(ready[0], &c, 1) != 1 || c)) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(ready[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#define TOOL_GET() do {							\
	if (!kernel_is_ported())					\
		SKIP(return, "no " ANON_OBJECTS ": a stock kernel");	\
	if (system("python3 -c 'import json' >/dev/null 2>&1"))		\
		SKIP(return, "no Python here");				\
} while (0)

/* --- files ---------------------------------------------------------------- */

FIXTURE(files)
{
	int socket[2];
	int page;
};

FIXTURE_SETUP(files)
{
	TOOL_GET();
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->socket));
}

FIXTURE_TEARDOWN(files)
{
	shm_remove_all();
}

static int map_it(void *arg)
{
	char *addr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, *(int *)arg, 0);

	close(*(int *)arg);
	return addr == MAP_FAILED;
}

static int make_and_send(void *arg)
{
	int fd = memfd("orphan", SIZE);

	return fd < 0 || send_fd(*(int *)arg, fd);
}

/* Descriptors, mappings, and what is on its way in a socket */
TEST_F(files, are_found)
{
	int kept, mapped, passed, orphan, waiting, server, client, datagram[2];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pid_t mapper;
	void *shared;

	/* This comes first, for a child has all that there is */
	mapped = memfd("mapped", SIZE);
	ASSERT_LE(0, mapped);
	mapper = child_with(map_it, &mapped);
	ASSERT_LT(0, mapper);
	close(mapped);

	kept = memfd("kept", SIZE);
	passed = memfd("passed", SIZE);
	waiting = memfd("waiting", SIZE);
	ASSERT_LE(0, kept);
	ASSERT_LE(0, passed);
	ASSERT_LE(0, waiting);

	ASSERT_EQ(0, send_fd(self->socket[0], passed));
	close(passed);

	/* To a connection that nobody has accepted */
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(address.sun_path, "\0holders", 8);
	ASSERT_EQ(0, bind(server, (void *)&address, sizeof(address)));
	ASSERT_EQ(0, listen(server, 1));
	ASSERT_EQ(0, connect(client, (void *)&address, sizeof(address)));
	ASSERT_EQ(0, send_fd(client, waiting));

	/* And in a datagram */
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, datagram));
	ASSERT_EQ(0, send_fd(datagram[0], waiting));
	close(waiting);

	/* Who has made it is gone */
	ASSERT_EQ(0, in_child(make_and_send, &self->socket[1]));
	orphan = receive_fd(self->socket[0]);
	ASSERT_LE(0, orphan);

	shared = mmap(NULL, 3 * MIB, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	memset(shared, 1, MIB);

	ASSERT_EQ(0, tool(""));
	print_said();
	EXPECT_SAID("memfd:kept ", "fd %d of drm_holders (%d)", kept, getpid());
	EXPECT_SAID("memfd:kept ", "drm_holders (%d) ", getpid());
	EXPECT_SAID("memfd:kept ", "2M 2M 0 0");
	EXPECT_SAID("memfd:kept ", " memfd ");
	EXPECT_SAID("memfd:mapped ", "mapped, 2M by drm_holders (%d)", mapper);
	EXPECT_NOT_SAID("memfd:mapped ", "─ fd ");
	EXPECT_SAID("memfd:passed ", "in flight to socket fd %d of drm_holders",
		    self->socket[1]);
	EXPECT_NOT_SAID("memfd:passed ", "─ fd ");
	EXPECT_SAID("memfd:waiting ", "in flight to socket fd %d of drm_holders",
		    server);
	EXPECT_SAID("memfd:waiting ", "in flight to socket fd %d of drm_holders",
		    datagram[1]);
	EXPECT_SAID("memfd:orphan ", "fd %d of drm_holders (%d)", orphan,
		    getpid());
	/* Its line tells of the child that it was made by */
	EXPECT_SAID("memfd:orphan ", " drm_holders (");
	EXPECT_SAID(" 3M 1M 0 0 ", " shared dev/zero drm_holders (%d)",
		    getpid());
	EXPECT_SAID(" 3M 1M 0 0 ", "mapped, 3M by drm_holders (%d)", getpid());

	/* Received, it is a descriptor */
	passed = receive_fd(self->socket[1]);
	ASSERT_LE(0, passed);
	ASSERT_EQ(0, tool(""));
	EXPECT_SAID("memfd:passed ", "fd %d of drm_holders (%d)", passed,
		    getpid());
	EXPECT_NOT_SAID("memfd:passed ", "in flight");
	end_child(mapper);
}

/* A file that an io_uring has registered, and nobody has open */
TEST_F(files, in_a_ring_are_found)
{
	struct io_uring_params params = {};
	int ring, fd;

	ring = syscall(__NR_io_uring_setup, 1, &params);
	if (ring < 0 && errno == ENOSYS)
		SKIP(return, "no io_uring in this kernel");
	ASSERT_LE(0, ring);
	fd = memfd("in a ring", SIZE);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, syscall(__NR_io_uring_register, ring,
			     IORING_REGISTER_FILES, &fd, 1));
	close(fd);
	ASSERT_EQ(0, tool(""));
	EXPECT_SAID("memfd:in a ring ",
		    "file 0 of the io_uring that is fd %d of drm_holders (%d)",
		    ring, getpid());
	ASSERT_EQ(0, tool("--leaks"));
	EXPECT_EQ(0, count_said("memfd:"));
}

/* A file whose name is to make a terminal do something */
TEST_F(files, have_harmless_names)
{
	int fd = memfd("bad\033[31m\nname", PAGE);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tool(""));
	EXPECT_EQ(NULL, strchr(said, '\033'));
	EXPECT_SAID("memfd:bad?[31m?name", "fd %d of", fd);
}

static int segment_elsewhere(void *arg)
{
	int id;
	char *addr;

	if (unshare(CLONE_NEWIPC))
		return 1;
	id = shmget(IPC_PRIVATE, 4 * MIB, IPC_CREAT | 0600);
	addr = shmat(id, NULL, 0);
	if (addr == SHM_FAILED)
		return 1;
	memset(addr, 'e', 4 * MIB);
	return id;
}

/* Segments are found by their ids, which begin at 0 in each namespace */
TEST_F(files, segments_are_found)
{
	int alone, attached, removed;
	unsigned long ns;
	struct stat st;
	char path[64];
	pid_t other;
	void *addr;

	if (unshare(CLONE_NEWIPC))
		SKIP(return, "no IPC namespaces in this kernel");
	other = child_with(segment_elsewhere, NULL);
	ASSERT_LT(0, other);
	alone = shmget(0x1234, SIZE, IPC_CREAT | 0600);
	attached = shmget(0x2345, 3 * MIB, IPC_CREAT | 0600);
	removed = shmget(0x3456, SIZE, IPC_CREAT | 0600);
	ASSERT_LE(0, alone);
	ASSERT_LE(0, attached);
	ASSERT_LE(0, removed);
	addr = shmat(alone, NULL, 0);
	ASSERT_NE(SHM_FAILED, addr);
	memset(addr, 'a', SIZE);
	ASSERT_EQ(0, shmdt(addr));
	ASSERT_NE(SHM_FAILED, shmat(attached, NULL, 0));
	ASSERT_NE(SHM_FAILED, shmat(removed, NULL, 0));
	ASSERT_EQ(0, shmctl(removed, IPC_RMID, NULL));
	/* That there are two of that number */
	ASSERT_EQ(0, alone);
	snprintf(path, sizeof(path), "/proc/%d/ns/ipc", other);
	ASSERT_EQ(0, stat(path, &st));
	ns = st.st_ino;

	/* The tool is in our namespace, as its child */
	ASSERT_EQ(0, tool(""));
	print_said();
	EXPECT_SAID("SYSV00001234", "segment with id %d, 0 times attached",
		    alone);
	EXPECT_SAID("SYSV00001234", "2M 2M 0 0");
	EXPECT_NOT_SAID("SYSV00001234", "attached, ");
	EXPECT_SAID("SYSV00002345", "segment with id %d, 1 time attached",
		    attached);
	EXPECT_SAID("SYSV00002345", "attached, 3M by drm_holders (%d)",
		    getpid());
	EXPECT_SAID("SYSV00003456",
		    "segment with id %d, removed, 1 time attached", removed);
	EXPECT_SAID("SYSV00003456", "attached, 2M by drm_holders (%d)",
		    getpid());
	EXPECT_SAID("SYSV00000000",
		    "segment with id %d of IPC namespace %lu, 1 time attached",
		    alone, ns);
	EXPECT_SAID("SYSV00000000", "attached, 4M by drm_holders (%d)", other);

	end_child(other);
}

TEST_F(files, huge_pages_are_found)
{
	size_t huge = huge_page_size();
	int fd, id;
	long old;
	void *addr;

	ASSERT_NE(0, huge);
	old = huge_pool_get(2);
	ASSERT_LE(0, old);
	id = shmget(0x4567, huge, IPC_CREAT | SHM_HUGETLB | 0600);
	ASSERT_LE(0, id);
	addr = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, addr);
	memset(addr, 'h', huge);
	ASSERT_EQ(0, shmdt(addr));
	fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, huge));

	ASSERT_EQ(0, tool(""));
	EXPECT_SAID("SYSV00004567", "segment with id %d, 0 times attached", id);
	EXPECT_SAID("memfd:huge ", "fd %d of drm_holders (%d)", fd, getpid());
	ASSERT_EQ(0, tool("--json"));
	EXPECT_EQ(huge, number_said("huge"));
	close(fd);
	shmctl(id, IPC_RMID, NULL);
	huge_pool_put(old);
}

/* --- buffers -------------------------------------------------------------- */

FIXTURE(buffers)
{
	int vgem;
	int vkms;
};

FIXTURE_SETUP(buffers)
{
	TOOL_GET();
	self->vgem = drm_open(VGEM);
	ASSERT_LE(0, self->vgem);
	self->vkms = drm_open(VKMS);
	ASSERT_LE(0, self->vkms);
}

FIXTURE_TEARDOWN(buffers)
{
}

/* With contents; sizes tell them apart, for all have one name */
static int buffer(int dev, size_t size, struct drm_buf *buf)
{
	int err = drm_dumb(dev, size, buf);
	void *addr;

	if (err)
		return err;
	addr = drm_map(buf, size, PROT_READ | PROT_WRITE);
	if (addr == MAP_FAILED)
		return -errno;
	memset(addr, 'b', size);
	munmap(addr, size);
	return 0;
}

static int framebuffer(struct drm_buf *buf, __u32 *id)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = 1024,
		.height = buf->size / 4096,
		.pixel_format = DRM_FORMAT_XRGB8888,
		.handles[0] = buf->handle,
		.pitches[0] = 4096,
	};

	if (ioctl(buf->dev, DRM_IOCTL_MODE_ADDFB2, &fb))
		return -errno;
	*id = fb.fb_id;
	return 0;
}

/* An object of DRM's, by its size in whole MiB */
#define GEM(mib)	(#mib "M " #mib "M ")

TEST_F(buffers, are_found)
{
	struct drm_buf handle, mapped, exported, shown, viewed, imported;
	int dmabuf, view, other, self_pid = getpid();
	__u32 fb = 0, foreign = 0;
	void *addr;

	/* A handle that nobody thinks of any more */
	ASSERT_EQ(0, buffer(self->vgem, 11 * MIB, &handle));

	ASSERT_EQ(0, buffer(self->vgem, 12 * MIB, &mapped));
	addr = drm_map(&mapped, mapped.size, PROT_READ);
	ASSERT_NE(MAP_FAILED, addr);
	ASSERT_EQ(0, drm_free(&mapped));

	ASSERT_EQ(0, buffer(self->vgem, 13 * MIB, &exported));
	dmabuf = drm_export(&exported);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, drm_free(&exported));

	ASSERT_EQ(0, buffer(self->vkms, 14 * MIB, &shown));
	ASSERT_EQ(0, framebuffer(&shown, &fb));
	ASSERT_EQ(0, drm_free(&shown));

	ASSERT_EQ(0, buffer(self->vgem, 15 * MIB, &viewed));
	view = drm_view(&viewed, DRM_GEM_VIEW_DEVICE, DRM_GEM_VIEW_RDWR);
	ASSERT_LE(0, view);
	ASSERT_EQ(0, drm_free(&viewed));

	/* One that only another driver has yet */
	ASSERT_EQ(0, buffer(self->vgem, 16 * MIB, &imported));
	other = drm_export(&imported);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, drm_free(&imported));
	ASSERT_EQ(0, drm_import(self->vkms, other, &foreign));
	close(other);

	ASSERT_EQ(0, tool(""));
	print_said();
	EXPECT_SAID(GEM(11), "handle %u of drm_holders (%d), client ",
		    handle.handle, self_pid);
	EXPECT_SAID(GEM(11), " of vgem");
	EXPECT_SAID(GEM(12), "mapped, 12M by drm_holders (%d)", self_pid);
	EXPECT_NOT_SAID(GEM(12), "handle");
	EXPECT_SAID(GEM(13), "exported by drm");
	EXPECT_SAID(GEM(13), "└─ fd %d of drm_holders (%d)", dmabuf,
		    self_pid);
	EXPECT_NOT_SAID(GEM(13), "handle");
	EXPECT_SAID(GEM(14), "framebuffer %u of vkms, made by drm_holders",
		    fb);
	EXPECT_NOT_SAID(GEM(14), "handle");
	EXPECT_SAID(GEM(15), "fd %d of drm_holders (%d)", view, self_pid);
	EXPECT_NOT_SAID(GEM(15), "handle");
	EXPECT_SAID(GEM(16), "attached device ");
	EXPECT_SAID(GEM(16), "─ handle %u of drm_holders (%d), client ", foreign,
		    self_pid);
	EXPECT_SAID(GEM(16), " of vkms");

	/* None of these has leaked */
	ASSERT_EQ(0, tool("--leaks"));
	EXPECT_EQ(0, count_said("drm mm object"));

	ASSERT_EQ(0, tool("--by driver"));
	EXPECT_EQ(1, count_said(" vgem\n"));
	ASSERT_EQ(0, tool("--by process"));
	EXPECT_LE(1, count_said(" drm_holders ("));
}

/* --- the kernel's --------------------------------------------------------- */

/* The memory of a view, or of a memfd, that a driver has not let go of */
TEST(leaks_are_found)
{
	struct drm_kind kind = { .driver = VGEM, .cached = true };
	struct anon_test_create create = { .size = 5 * MIB, .huge = HUGE_NEVER };
	struct anon_test_range pin = { .len = 5 * MIB };
	int vgem, view, lost, adopter[2], own, live, segment, socket[2];
	struct drm_buf buf;

	TOOL_GET();
	ASSERT_TRUE(device_get());
	vgem = drm_open(VGEM);
	ASSERT_LE(0, vgem);
	ASSERT_EQ(0, drm_set_kind(&kind));
	ASSERT_EQ(0, buffer(vgem, 7 * MIB, &buf));
	view = drm_view(&buf, DRM_GEM_VIEW_BACKING, DRM_GEM_VIEW_RDWR);
	ASSERT_LE(0, view);
	lost = memfd("lost", SIZE);
	live = memfd("live", SIZE);
	ASSERT_LE(0, lost);
	ASSERT_LE(0, live);
	segment = shmget(0x5678, SIZE, IPC_CREAT | 0600);
	ASSERT_LE(0, segment);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socket));

	/* The driver's own is not user space's that has been lost */
	own = open(DEVICE, O_RDWR);
	ASSERT_LE(0, own);
	ASSERT_EQ(0, ioctl(own, ANON_TEST_CREATE, &create));
	ASSERT_EQ(0, ioctl(own, ANON_TEST_PIN, &pin));

	adopter[0] = open(DEVICE, O_RDWR);
	adopter[1] = open(DEVICE, O_RDWR);
	ASSERT_EQ(0, ioctl(adopter[0], ANON_TEST_ADOPT, view));
	ASSERT_EQ(0, ioctl(adopter[1], ANON_TEST_ADOPT, lost));
	ASSERT_EQ(0, tool("--leaks"));
	EXPECT_EQ(1, count_said("no object that nobody"));

	close(view);
	ASSERT_EQ(0, drm_free(&buf));
	/* What is on its way can still be received */
	ASSERT_EQ(0, send_fd(socket[0], lost));
	ASSERT_EQ(0, send_fd(socket[0], live));
	close(lost);
	close(live);
	ASSERT_EQ(0, tool("--leaks"));
	print_said();
	EXPECT_EQ(1, count_said("drm mm object"));
	EXPECT_EQ(0, count_said("memfd:"));
	EXPECT_SAID("drm mm object", "the kernel, with ");

	lost = receive_fd(socket[1]);
	ASSERT_LE(0, lost);
	close(lost);
	ASSERT_EQ(0, tool("--leaks"));
	print_said();
	EXPECT_EQ(1, count_said("drm mm object"));
	EXPECT_EQ(1, count_said("memfd:lost"));
	EXPECT_EQ(1, count_said("memfd:"));
	EXPECT_EQ(0, count_said("SYSV"));
	EXPECT_EQ(0, count_said("the kernel: "));

	ASSERT_EQ(0, tool(""));
	EXPECT_SAID("5M 5M", "the kernel: ");
	close(adopter[0]);
	close(adopter[1]);
	ASSERT_EQ(0, tool("--leaks"));
	EXPECT_EQ(1, count_said("no object that nobody"));
	drm_reset_kind(&kind);
	shmctl(segment, IPC_RMID, NULL);
}

TEST(keys_are_the_kernels)
{
	char *payload = malloc(MIB / 2);
	long key;

	TOOL_GET();
	ASSERT_NE(NULL, payload);
	memset(payload, 'k', MIB / 2);
	key = syscall(__NR_add_key, "big_key", "holders", payload, MIB / 2,
		      KEY_SPEC_PROCESS_KEYRING);
	if (key < 0)
		SKIP(return, "no big keys in this kernel");
	ASSERT_EQ(0, tool(""));
	EXPECT_SAID("big_key", "the kernel: big_key");
	EXPECT_SAID("big_key", "drm_holders (%d)", getpid());
	ASSERT_EQ(0, tool("--leaks"));
	EXPECT_EQ(0, count_said("big_key"));
	syscall(__NR_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_PROCESS_KEYRING);
}

/* --- all of it ------------------------------------------------------------ */

/* What is in memory is objects', or in a tmpfs that somebody has mounted */
TEST(all_of_shmem_is_found)
{
	long long shmem, found;
	int fd, id;
	void *addr;

	TOOL_GET();
	fd = memfd("some", 8 * MIB);
	ASSERT_LE(0, fd);
	id = shmget(IPC_PRIVATE, 8 * MIB, IPC_CREAT | 0600);
	ASSERT_LE(0, id);
	addr = shmat(id, NULL, 0);
	ASSERT_NE(SHM_FAILED, addr);
	memset(addr, 's', 8 * MIB);
	ASSERT_EQ(0, shmdt(addr));

	/* Have what processors have counted in what all have */
	write_file("/proc/sys/vm/stat_refresh", "1");
	ASSERT_EQ(0, tool("--json"));
	shmem = number_said("shmem");
	found = number_said("objects") + number_said("tmpfs");
	TH_LOG("Shmem %lld kB, found %lld kB", shmem >> 10, found >> 10);
	EXPECT_LE(16 * MIB, number_said("objects"));
	EXPECT_GT(128 * 1024, llabs(shmem - found));
	shmctl(id, IPC_RMID, NULL);
}

/* What a cgroup has made is said to be its own */
TEST(cgroups_are_found)
{
	struct cgroup cg = {};
	char name[64];
	int fd;

	TOOL_GET();
	ASSERT_EQ(0, cgroup_enter(&cg, "holders"));
	fd = memfd("grouped", SIZE);
	ASSERT_LE(0, fd);
	snprintf(name, sizeof(name), " /holders.%d", getpid());
	ASSERT_EQ(0, tool(""));
	EXPECT_SAID("memfd:grouped ", "%s", name);
	ASSERT_EQ(0, tool("--by cgroup"));
	EXPECT_SAID(name, "2M");
	close(fd);
	cgroup_leave(&cg);
}

/* --- users ---------------------------------------------------------------- */

static int user_fd;

static int as_user(void *arg)
{
	int fd, id;

	close(user_fd);
	if (setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return 1;
	/* Whose /proc is one's own after a change of user */
	prctl(PR_SET_DUMPABLE, 1);
	fd = memfd("of the user", SIZE);
	id = shmget(0x6789, SIZE, IPC_CREAT | 0600);
	if (fd < 0 || id < 0)
		return 2;
	if (!strcmp(arg, "--leaks"))
		return tool("--leaks") == 1 && strstr(said, "is for root") ?
		       0 : 3;
	if (tool(arg))
		return 4;
	if (!strstr(said, "memfd:of the user") ||
	    !strstr(lines_of("memfd:of the user"), "2M 2M"))
		return 5;
	if (!strstr(said, "SYSV00006789"))
		return 6;
	if (strstr(said, "memfd:of root") || strstr(said, "SYSV0000789a"))
		return 7;
	shmctl(id, IPC_RMID, NULL);
	return 0;
}

TEST(users_see_their_own)
{
	int id;

	TOOL_GET();
	user_fd = memfd("of root", SIZE);
	ASSERT_LE(0, user_fd);
	id = shmget(0x789a, SIZE, IPC_CREAT | 0600);
	ASSERT_LE(0, id);
	EXPECT_EQ(0, in_child(as_user, "--leaks"));
	EXPECT_EQ(0, in_child(as_user, ""));
	shm_remove_all();
}

/* --- other looks ---------------------------------------------------------- */

TEST(pictures_are_drawn)
{
	int fd;

	TOOL_GET();
	fd = memfd("drawn <&>", 4 * MIB);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tool("--svg /tmp/anon_objects.svg"));
	ASSERT_EQ(0, tool("--svg /tmp/history.svg --watch 0.2 --count 3"));
	EXPECT_EQ(3, count_said("since the last look"));
	EXPECT_EQ(0, system("python3 -c 'import sys, xml.dom.minidom as x\n"
			    "for f in sys.argv[1:]: x.parse(f)' "
			    "/tmp/anon_objects.svg /tmp/history.svg"));
	ASSERT_EQ(0, read_said("/tmp/anon_objects.svg"));
	EXPECT_LE(1, count_said("memfd:drawn &lt;&amp;&gt;"));
	EXPECT_LE(1, count_said("memfds 4M"));
	ASSERT_EQ(0, read_said("/tmp/history.svg"));
	EXPECT_LE(1, count_said("<polygon"));
}

TEST_HARNESS_MAIN
