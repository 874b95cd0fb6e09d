// SPDX-License-Identifier: GPL-2.0
/*
 * soak SECONDS SEED: objects used by several threads at once in every way that
 * there is, while the machine is short of memory, swap comes and goes, large
 * folios are split and made, and allocations fail.  A model knows what is in
 * each page, whoever has written it and by whichever way.
 *
 * An object is so many units: pages, or huge pages for hugetlb.  A slot is a
 * unit's place in the object, a cell what is in it now.  What is truncated
 * leaves its slot, and lives on for as long as somebody has it pinned; so pins
 * know their cells.  To look at a slot is to hold its lock, and to look into a
 * cell that of the cell as well, which is taken later.  Who changes the size or
 * the life of an object holds its shape for writing.
 *
 * What does not change a byte takes none of these locks: it is to get in the
 * way of all that does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "anon_object_device.h"
#include "fail.h"
#include "guest.h"

#define DEVICE		"/dev/anon_object_test"
#define SPLIT		"/sys/kernel/debug/split_huge_pages"
#define THREADS		4
#define MAX_UNITS	768
#define MAX_PINS	4
#define ROUND		15	/* seconds from one look at everything to the next */

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef MADV_HWPOISON
#define MADV_HWPOISON	100
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

/* enum anon_object_backend, enum anon_object_huge, ANON_OBJECT_* */
#define SHMEM		0
#define HUGETLB		1
#define HUGE_NEVER	1
#define HUGE_ALWAYS	2
#define HUGE_WITHIN	3
#define RESIZABLE	(1 << 2)

static const struct kind {
	const char *name;
	bool memfd;
	unsigned int backend, huge, flags;
	unsigned int units;
} kinds[] = {
	{ "small", .backend = SHMEM, .huge = HUGE_NEVER, .units = 96 },
	{ "within-size", .backend = SHMEM, .huge = HUGE_WITHIN, .units = 640 },
	{ "always", .backend = SHMEM, .huge = HUGE_ALWAYS, .units = 700 },
	{ "resizable", .backend = SHMEM, .flags = RESIZABLE, .units = 128 },
	{ "hugetlb", .backend = HUGETLB, .units = 3 },
	{ "memfd", .memfd = true, .backend = SHMEM, .units = 512 },
	{ "memfd-hugetlb", .memfd = true, .backend = HUGETLB, .units = 2 },
};

#define OBJECTS		(sizeof(kinds) / sizeof(kinds[0]))

/* Has a page a memory error?  Who injects it may be told that it failed. */
enum health { HEALTHY, POISONED, UNSURE };

#define MAX_SPOTS	3

struct cell {
	pthread_mutex_t lock;
	atomic_uint refs;
	__u64 seed;		/* of what is in it; 0: zeroes */
	bool cleared;		/* perhaps, under who has it pinned */
	enum health health[MAX_SPOTS];
};

struct slot {
	pthread_mutex_t lock;
	struct cell *cell;
};

struct object {
	const struct kind *kind;
	pthread_rwlock_t shape;
	atomic_uint refs;
	int dev;		/* the owner's; -1 for memfds */
	int fd;			/* for reading and writing */
	size_t unit;		/* bytes */
	unsigned int units;	/* that it has now */
	bool dead;
	atomic_bool poisoned;	/* a page of it is, or was */
	struct slot slots[MAX_UNITS];
};

struct pin {
	struct object *obj;
	int dev;
	unsigned int first, nr;
	struct cell *cells[MAX_UNITS];
};

static struct {
	pthread_mutex_t lock;
	struct object *obj;
} objects[OBJECTS];

struct thread {
	pthread_t id;
	__u64 state;
	bool may_fail;		/* its allocations */
	unsigned int nr_pins;
	struct pin *pins[MAX_PINS];
};

/* Shared with the process that looks at what is left in the end */
static struct {
	atomic_ulong operations, differences, refused, failed, swapped_out;
	atomic_ulong poisoned[2];	/* huge pages are the second */
} *sum;

static atomic_bool stopping;
static pthread_barrier_t barrier;
static long page;

/* --- what is found ------------------------------------------------------------ */

#define MOST_TOLD	40

__attribute__((format(printf, 1, 2)))
static void differs(const char *fmt, ...)
{
	va_list args;

	if (atomic_fetch_add(&sum->differences, 1) >= MOST_TOLD)
		return;
	flockfile(stdout);
	printf("DIFFERENCE: ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	funlockfile(stdout);
}

/*
 * Memory may be short, and bad; nothing else may go wrong. Returns whether all is
 * well.
 */
static bool went_well(long ret, const char *what, const struct object *obj)
{
	if (ret >= 0)
		return true;
	atomic_fetch_add(&sum->refused, 1);
	/* EFAULT: a page of the caller's own could not be copied */
	if (errno != ENOMEM && errno != ENOSPC && errno != EINTR &&
	    errno != EFAULT && !(errno == EIO && obj->poisoned))
		differs("%s of %s: %s", what, obj->kind->name, strerror(errno));
	return false;
}

static unsigned int draw(struct thread *t, unsigned int below)
{
	t->state = t->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (t->state >> 33) % below;
}

/* --- cells ---------------------------------------------------------------------- */

static struct cell *new_cell(void)
{
	struct cell *cell = calloc(1, sizeof(*cell));

	if (!cell)
		abort();
	pthread_mutex_init(&cell->lock, NULL);
	atomic_init(&cell->refs, 1);
	return cell;
}

static struct cell *get_cell(struct cell *cell)
{
	atomic_fetch_add(&cell->refs, 1);
	return cell;
}

static void put_cell(struct cell *cell)
{
	if (atomic_fetch_sub(&cell->refs, 1) == 1) {
		pthread_mutex_destroy(&cell->lock);
		free(cell);
	}
}

/* Where in a unit there is something: in a huge page not all over */
static unsigned int spots(const struct object *obj, size_t *at)
{
	at[0] = 0;
	if (obj->unit == (size_t)page)
		return 1;
	at[1] = obj->unit / 2;
	at[2] = obj->unit - page;
	return 3;
}

/* The worst of @nr units' memory; their slots are locked */
static enum health worst(const struct slot *slots, unsigned int nr)
{
	enum health worst = HEALTHY;
	unsigned int i, spot;

	for (i = 0; i < nr; i++)
		for (spot = 0; spot < MAX_SPOTS; spot++)
			if (worst != POISONED &&
			    slots[i].cell->health[spot] != HEALTHY)
				worst = slots[i].cell->health[spot];
	return worst;
}

/* Of what is bad, all uses must be refused; of what is well, none */
static bool refused(const struct object *obj, enum health health, bool refused,
		    const char *how)
{
	if (health != UNSURE && (health == POISONED) != refused)
		differs("%s of %s: %s, and its memory is %s", how,
			obj->kind->name, refused ? "refused" : "not refused",
			refused ? "well" : "bad");
	return refused;
}

static void fill_page(void *buf, __u64 seed)
{
	if (seed)
		pattern_fill(buf, page, seed);
	else
		memset(buf, 0, page);
}

static bool check_page(const void *buf, __u64 seed)
{
	static const char zeroes[65536];

	if (seed)
		return !pattern_check(buf, page, seed);
	return !memcmp(buf, zeroes, page);
}

static void expect_page(const struct object *obj, unsigned int unit,
			const void *buf, __u64 seed, const char *how)
{
	const __u64 *words = buf;

	if (!check_page(buf, seed))
		differs("%s, unit %u, by %s: %#llx %#llx, seed %#llx",
			obj->kind->name, unit, how, words[0], words[1], seed);
}

static __u64 new_seed(struct thread *t)
{
	return ((__u64)draw(t, 1U << 30) << 20) | draw(t, 1 << 20) | 1;
}

/* --- objects -------------------------------------------------------------------- */

static int make_fds(struct object *obj)
{
	const struct kind *kind = obj->kind;
	struct anon_test_create create = {
		.size = obj->units * obj->unit,
		.backend = kind->backend,
		.huge = kind->huge,
		.flags = kind->flags,
	};
	struct anon_test_view view = { .flags = O_RDWR };

	if (kind->memfd) {
		obj->dev = -1;
		obj->fd = memfd_create("soak", kind->backend == HUGETLB ?
					       MFD_HUGETLB : 0);
		return obj->fd < 0 ||
		       ftruncate(obj->fd, create.size) ? -1 : 0;
	}
	obj->dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (obj->dev < 0 || ioctl(obj->dev, ANON_TEST_CREATE, &create))
		return -1;
	obj->fd = ioctl(obj->dev, ANON_TEST_VIEW, &view);
	return obj->fd < 0 ? -1 : 0;
}

static void close_fds(struct object *obj)
{
	if (obj->fd >= 0)
		close(obj->fd);
	if (obj->dev >= 0)
		close(obj->dev);
}

static void init_slots(struct object *obj)
{
	unsigned int i;

	for (i = 0; i < MAX_UNITS; i++) {
		pthread_mutex_init(&obj->slots[i].lock, NULL);
		obj->slots[i].cell = i < obj->units ? new_cell() : NULL;
	}
}

static struct object *new_object(const struct kind *kind)
{
	struct object *obj = calloc(1, sizeof(*obj));

	if (!obj)
		abort();
	obj->kind = kind;
	obj->fd = -1;
	obj->unit = kind->backend == HUGETLB ? huge_page_size() : page;
	obj->units = kind->units;
	if (make_fds(obj)) {
		close_fds(obj);
		free(obj);
		return NULL;
	}
	pthread_rwlock_init(&obj->shape, NULL);
	atomic_init(&obj->refs, 1);
	init_slots(obj);
	return obj;
}

static void put_object(struct object *obj)
{
	unsigned int i;

	if (atomic_fetch_sub(&obj->refs, 1) != 1)
		return;
	close_fds(obj);
	for (i = 0; i < MAX_UNITS; i++)
		if (obj->slots[i].cell)
			put_cell(obj->slots[i].cell);
	free(obj);
}

static struct object *get_object(unsigned int which)
{
	struct object *obj;

	pthread_mutex_lock(&objects[which].lock);
	obj = objects[which].obj;
	atomic_fetch_add(&obj->refs, 1);
	pthread_mutex_unlock(&objects[which].lock);
	return obj;
}

/* Another one takes its place; who is at the old one has it for as long */
static void replace_object(unsigned int which)
{
	struct object *obj = new_object(&kinds[which]), *old;

	if (!obj) {
		/* The huge pages that the old one still has, for instance */
		atomic_fetch_add(&sum->refused, 1);
		return;
	}
	pthread_mutex_lock(&objects[which].lock);
	old = objects[which].obj;
	objects[which].obj = obj;
	pthread_mutex_unlock(&objects[which].lock);
	put_object(old);
}

/* A device of one's own for the same object */
static int adopt(struct object *obj)
{
	int dev = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (dev >= 0 && ioctl(dev, ANON_TEST_ADOPT, obj->fd)) {
		close(dev);
		return -1;
	}
	return dev;
}

/* --- memory that may not be there ------------------------------------------------- */

static __thread sigjmp_buf fault_jump;
static __thread volatile bool may_fault, may_be_told;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	if (may_fault)
		siglongjmp(fault_jump, sig);
	if (may_be_told && info->si_code == BUS_MCEERR_AR)
		return;
	differs("signal %d, code %d, at %p, where nothing may be missing", sig,
		info->si_code, info->si_addr);
	_exit(128 + sig);
}

static bool copy_page(void *to, const void *from)
{
	int sig = sigsetjmp(fault_jump, 1);

	if (!sig) {
		may_fault = true;
		memcpy(to, from, page);
	}
	may_fault = false;
	return !sig;
}

static int inject_error(void *addr)
{
	int ret;

	may_be_told = true;
	ret = madvise(addr, page, MADV_HWPOISON);
	may_be_told = false;
	return ret;
}

/* --- what one does to a unit; its slot is locked ---------------------------------- */

/* Let an allocation fail now and then, of those that an operation makes */
static bool arm(struct thread *t)
{
	if (!t->may_fail || draw(t, 4))
		return false;
	fail_begin(1 + draw(t, 30));
	return true;
}

static void disarm(bool armed)
{
	int err = errno;

	if (armed && fail_end())
		atomic_fetch_add(&sum->failed, 1);
	errno = err;
}

static void read_unit(struct thread *t, struct object *obj, unsigned int unit)
{
	struct cell *cell = obj->slots[unit].cell;
	char buf[65536];
	size_t at[MAX_SPOTS];
	unsigned int i, nr = spots(obj, at);
	ssize_t ret;
	bool armed;

	pthread_mutex_lock(&cell->lock);
	for (i = 0; i < nr; i++) {
		armed = arm(t);
		ret = pread(obj->fd, buf, page, unit * obj->unit + at[i]);
		disarm(armed);
		if ((ret >= 0 || errno == EIO) &&
		    refused(obj, cell->health[i], ret < 0, "read"))
			continue;
		if (!went_well(ret, "read", obj))
			break;
		if (ret != page && !armed)
			differs("read of %s: %zd bytes", obj->kind->name, ret);
		else if (ret == page)
			expect_page(obj, unit, buf,
				    cell->seed ? cell->seed + i : 0, "read");
	}
	pthread_mutex_unlock(&cell->lock);
}

/* hugetlbfs' own files cannot be written to */
static bool can_write(const struct object *obj)
{
	return !(obj->kind->memfd && obj->kind->backend == HUGETLB);
}

/* Is there a part of a large folio at that address? */
static bool is_large(const void *addr)
{
	const off_t of_page = sizeof(__u64);
	const __u64 compound = 1 << 15 | 1 << 16;
	int maps = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	__u64 entry, of_frame = 0;

	if (pread(maps, &entry, sizeof(entry),
		  (uintptr_t)addr / page * of_page) == sizeof(entry))
		pread(flags, &of_frame, sizeof(of_frame),
		      (entry & ((1ULL << 55) - 1)) * of_page);
	close(maps);
	close(flags);
	return of_frame & compound;
}

/*
 * Reads, faults and pins, and a view's writes, ask whether a page is bad. tmpfs
 * refuses a write to any page of a large folio with a bad one, and so does a memfd,
 * if the error came just as the folio was put together.
 */
static bool beside_bad_page(const struct object *obj, unsigned int unit)
{
	char buf[65536], *mem;
	bool large;

	if (!obj->kind->memfd || !obj->poisoned)
		return false;
	mem = mmap(NULL, page, PROT_READ, MAP_SHARED, obj->fd, unit * obj->unit);
	if (mem == MAP_FAILED)
		return false;
	large = copy_page(buf, mem) && is_large(mem);
	munmap(mem, page);
	return large;
}

static ssize_t write_spot(struct thread *t, struct object *obj, const void *buf,
			  off_t pos, bool may_fail)
{
	bool armed = may_fail && arm(t);
	ssize_t ret = pwrite(obj->fd, buf, page, pos);

	disarm(armed);
	return ret;
}

static void write_unit(struct thread *t, struct object *obj, unsigned int unit)
{
	struct cell *cell = obj->slots[unit].cell;
	__u64 seed = new_seed(t);
	char buf[65536];
	size_t at[MAX_SPOTS];
	unsigned int i, nr = spots(obj, at), tries = 0;
	ssize_t ret;

	if (!can_write(obj))
		return;
	pthread_mutex_lock(&cell->lock);
	for (i = 0; i < nr; i++) {
		fill_page(buf, seed + i);
		/* Once begun, it has to be finished */
		do {
			ret = write_spot(t, obj, buf, unit * obj->unit + at[i],
					 !i && !tries);
		} while (i && ret != page && !(ret < 0 && errno == EIO) &&
			 tries++ < 1000);
		if (ret < 0 && errno == EIO && beside_bad_page(obj, unit))
			break;
		if ((ret >= 0 || errno == EIO) &&
		    refused(obj, cell->health[i], ret < 0, "write"))
			continue;
		if (!went_well(ret, "write", obj))
			break;
		if (ret != page)
			differs("write of %s: %zd bytes", obj->kind->name, ret);
		cell->seed = seed;
	}
	pthread_mutex_unlock(&cell->lock);
}

/* A huge page is mapped, or it is not */
static enum health mapped_health(const struct object *obj, unsigned int unit,
				 unsigned int spot)
{
	if (obj->kind->backend == HUGETLB)
		return worst(&obj->slots[unit], 1);
	return obj->slots[unit].cell->health[spot];
}

/* Through a mapping of just that unit, which goes away again */
static void use_mapping(struct thread *t, struct object *obj, unsigned int unit,
			bool write)
{
	struct cell *cell = obj->slots[unit].cell;
	__u64 seed = new_seed(t);
	char buf[65536], *mem;
	size_t at[MAX_SPOTS];
	unsigned int i, nr = spots(obj, at);
	bool armed, ok;

	armed = arm(t);
	mem = mmap(NULL, obj->unit, PROT_READ | PROT_WRITE, MAP_SHARED, obj->fd,
		   unit * obj->unit);
	disarm(armed);
	if (!went_well(mem == MAP_FAILED ? -1 : 0, "mmap", obj))
		return;
	pthread_mutex_lock(&cell->lock);
	for (i = 0; i < nr; i++) {
		armed = arm(t);
		ok = copy_page(buf, mem + at[i]);
		disarm(armed);
		if (!refused(obj, mapped_health(obj, unit, i), !ok, "mapping"))
			expect_page(obj, unit, buf,
				    cell->seed ? cell->seed + i : 0, "mapping");
	}
	for (i = 0; write && i < nr; i++) {
		fill_page(buf, seed + i);
		ok = copy_page(mem + at[i], buf);
		if (!refused(obj, mapped_health(obj, unit, i), !ok, "writing to"))
			cell->seed = seed;
	}
	pthread_mutex_unlock(&cell->lock);
	munmap(mem, obj->unit);
}

static void read_mapping(struct thread *t, struct object *obj, unsigned int unit)
{
	use_mapping(t, obj, unit, false);
}

static void write_mapping(struct thread *t, struct object *obj,
			  unsigned int unit)
{
	use_mapping(t, obj, unit, true);
}

/* What a child sees of a mapping that it inherits */
static void fork_mapping(struct thread *t, struct object *obj, unsigned int unit)
{
	struct cell *cell = obj->slots[unit].cell;
	int status = 0;
	char *mem;
	pid_t pid;

	if (worst(&obj->slots[unit], 1) != HEALTHY)
		return;
	mem = mmap(NULL, obj->unit, PROT_READ | PROT_WRITE, MAP_SHARED, obj->fd,
		   unit * obj->unit);
	if (!went_well(mem == MAP_FAILED ? -1 : 0, "mmap", obj))
		return;
	pthread_mutex_lock(&cell->lock);
	pid = fork();
	if (!pid)
		_exit(check_page(mem, cell->seed) ? 0 : 1);
	if (went_well(pid, "fork", obj) && waitpid(pid, &status, 0) == pid &&
	    status)
		differs("%s, unit %u, in a child: status %#x", obj->kind->name,
			unit, status);
	pthread_mutex_unlock(&cell->lock);
	munmap(mem, obj->unit);
}

/* Of huge pages there are few, and each has one error */
#define MOST_POISONED		100
#define MOST_HUGE_POISONED	4

static bool may_poison(struct thread *t, const struct object *obj,
		       unsigned int unit)
{
	bool huge = obj->kind->backend == HUGETLB;

	return !draw(t, 20) && worst(&obj->slots[unit], 1) == HEALTHY &&
	       sum->poisoned[huge] <
	       (huge ? MOST_HUGE_POISONED : MOST_POISONED);
}

/*
 * A memory error, of which the kernel is told while the page is in use. Where it
 * can neither split a large folio nor keep it, the page allocator hands the bad
 * page out again, with a large folio of anybody's; so these are left alone.
 */
static void poison_unit(struct thread *t, struct object *obj, unsigned int unit)
{
	struct cell *cell = obj->slots[unit].cell;
	size_t at[MAX_SPOTS];
	unsigned int i = draw(t, spots(obj, at));
	char buf[65536], *mem;

	if (!may_poison(t, obj, unit))
		return;
	mem = mmap(NULL, obj->unit, PROT_READ | PROT_WRITE, MAP_SHARED, obj->fd,
		   unit * obj->unit);
	if (!went_well(mem == MAP_FAILED ? -1 : 0, "mmap", obj))
		return;
	pthread_mutex_lock(&cell->lock);
	if (copy_page(buf, mem + at[i]) &&
	    (obj->kind->backend == HUGETLB || !is_large(mem + at[i]))) {
		obj->poisoned = true;
		sum->poisoned[obj->kind->backend == HUGETLB]++;
		/* What is pinned, say, stays where it is, and is bad or is not */
		cell->health[i] = inject_error(mem + at[i]) ? UNSURE : POISONED;
	}
	pthread_mutex_unlock(&cell->lock);
	munmap(mem, obj->unit);
}

static void (*const unit_ops[])(struct thread *t, struct object *obj,
				unsigned int unit) = {
	read_unit, read_unit, write_unit, write_unit, read_mapping,
	write_mapping, write_mapping, fork_mapping, poison_unit,
};

#define NR_OF(array)	(sizeof(array) / sizeof((array)[0]))

static void on_unit(struct thread *t, struct object *obj)
{
	unsigned int unit = draw(t, obj->units);

	pthread_mutex_lock(&obj->slots[unit].lock);
	unit_ops[draw(t, NR_OF(unit_ops))](t, obj, unit);
	pthread_mutex_unlock(&obj->slots[unit].lock);
}

/* --- ranges --------------------------------------------------------------------- */

static void draw_range(struct thread *t, const struct object *obj,
		       unsigned int *first, unsigned int *nr)
{
	*first = draw(t, obj->units);
	*nr = 1 + draw(t, obj->units - *first);
	switch (draw(t, 4)) {
	case 0:
		*first = 0;
		*nr = obj->units;
		break;
	case 1:
		*nr = 1;
		break;
	}
}

static void lock_range(struct object *obj, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++)
		pthread_mutex_lock(&obj->slots[i].lock);
}

static void unlock_range(struct object *obj, unsigned int first,
			 unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++)
		pthread_mutex_unlock(&obj->slots[i].lock);
}

/*
 * Who punches a hole into a memfd, where no pin is asked for, as on stock, may
 * find a large folio that cannot be split, and clears a part of it.
 */
static void empty_slots(struct object *obj, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++) {
		struct cell *cell = obj->slots[i].cell;

		pthread_mutex_lock(&cell->lock);
		cell->cleared = obj->kind->memfd;
		pthread_mutex_unlock(&cell->lock);
		put_cell(cell);
		obj->slots[i].cell = new_cell();
	}
}

/* Truncate, which pins do not keep from it, or punch, which they do */
static void drop_range(struct thread *t, struct object *obj)
{
	struct anon_test_range range;
	unsigned int first, nr;
	int ret;

	draw_range(t, obj, &first, &nr);
	range.pos = first * obj->unit;
	range.len = nr * obj->unit;
	lock_range(obj, first, nr);
	if (obj->dev >= 0 && draw(t, 2))
		ret = ioctl(obj->dev, ANON_TEST_TRUNCATE, &range);
	else
		ret = fallocate(obj->fd, FALLOC_FL_PUNCH_HOLE |
				FALLOC_FL_KEEP_SIZE, range.pos, range.len);
	if (!ret)
		empty_slots(obj, first, nr);
	else if (errno != EBUSY)
		went_well(ret, "truncate or punch", obj);
	unlock_range(obj, first, nr);
}

/* Memory for holes, which stay zeroes */
static void allocate_range(struct thread *t, struct object *obj)
{
	unsigned int first, nr;
	bool armed;
	int ret;

	draw_range(t, obj, &first, &nr);
	armed = arm(t);
	ret = fallocate(obj->fd, 0, first * obj->unit, nr * obj->unit);
	disarm(armed);
	if (ret && errno == EOPNOTSUPP)
		return;
	went_well(ret, "fallocate", obj);
}

/* --- pins ----------------------------------------------------------------------- */

static void unpin(struct thread *t, unsigned int which)
{
	struct pin *pin = t->pins[which];
	unsigned int i;

	if (ioctl(pin->dev, ANON_TEST_UNPIN))
		differs("unpin of %s: %s", pin->obj->kind->name,
			strerror(errno));
	close(pin->dev);
	for (i = 0; i < pin->nr; i++)
		put_cell(pin->cells[i]);
	put_object(pin->obj);
	free(pin);
	t->pins[which] = t->pins[--t->nr_pins];
}

/* Is what a device sees what is in the cell, and the other way round? */
static void use_pin(struct thread *t, struct pin *pin)
{
	unsigned int unit = draw(t, pin->nr), i, nr;
	struct cell *cell = pin->cells[unit];
	bool write = draw(t, 2);
	__u64 seed = new_seed(t);
	char buf[65536];
	struct anon_test_copy copy = {
		.len = page, .buf = (uintptr_t)buf,
	};
	size_t at[MAX_SPOTS];

	nr = spots(pin->obj, at);
	pthread_mutex_lock(&cell->lock);
	for (i = 0; i < nr; i++) {
		/* Whoever else writes there is refused */
		if (cell->health[i] != HEALTHY)
			continue;
		copy.pos = unit * pin->obj->unit + at[i];
		if (ioctl(pin->dev, ANON_TEST_READ_PIN, &copy))
			differs("reading a pin of %s: %s",
				pin->obj->kind->name, strerror(errno));
		else if (!(cell->cleared && check_page(buf, 0)))
			expect_page(pin->obj, pin->first + unit, buf,
				    cell->seed ? cell->seed + i : 0, "pin");
	}
	/* What has been cleared in its place may be the memfd's still */
	write &= !cell->cleared;
	for (i = 0; write && i < nr; i++) {
		copy.pos = unit * pin->obj->unit + at[i];
		fill_page(buf, seed + i);
		if (ioctl(pin->dev, ANON_TEST_WRITE_PIN, &copy))
			differs("writing a pin of %s: %s",
				pin->obj->kind->name, strerror(errno));
	}
	if (write)
		cell->seed = seed;
	pthread_mutex_unlock(&cell->lock);
}

static int do_pin(struct thread *t, struct object *obj, int dev,
		  unsigned int first, unsigned int nr)
{
	struct anon_test_pin args = {
		.pos = first * obj->unit,
		.len = nr * obj->unit,
		.kind = draw(t, ANON_TEST_PIN_KINDS),
		.max_segment = draw(t, 2) ? page << draw(t, 10) : ~0U,
	};
	bool armed = arm(t);
	int ret = ioctl(dev, ANON_TEST_PIN_AS, &args);

	disarm(armed);
	return ret;
}

static void pin(struct thread *t, struct object *obj)
{
	struct pin *pin = calloc(1, sizeof(*pin));
	unsigned int i;
	int ret;

	if (!pin)
		abort();
	pin->dev = adopt(obj);
	if (!went_well(pin->dev, "adopting", obj)) {
		free(pin);
		return;
	}
	draw_range(t, obj, &pin->first, &pin->nr);
	lock_range(obj, pin->first, pin->nr);
	ret = do_pin(t, obj, pin->dev, pin->first, pin->nr);
	if (!ret || errno == EIO)
		refused(obj, worst(&obj->slots[pin->first], pin->nr), ret,
			"pin");
	if (went_well(ret, "pin", obj)) {
		for (i = 0; i < pin->nr; i++)
			pin->cells[i] =
				get_cell(obj->slots[pin->first + i].cell);
		atomic_fetch_add(&obj->refs, 1);
		pin->obj = obj;
	}
	unlock_range(obj, pin->first, pin->nr);
	if (!pin->obj) {
		close(pin->dev);
		free(pin);
		return;
	}
	if (t->nr_pins == MAX_PINS)
		unpin(t, 0);
	t->pins[t->nr_pins++] = pin;
}

/* --- what changes no byte, and asks nobody -------------------------------------- */

static void pin_blindly(struct thread *t, struct object *obj, int dev)
{
	unsigned int first, nr;
	int ret;

	draw_range(t, obj, &first, &nr);
	ret = do_pin(t, obj, dev, first, nr);
	/* Purged, or resized, meanwhile */
	if (ret && errno == EINVAL)
		return;
	if (went_well(ret, "blind pin", obj))
		ioctl(dev, ANON_TEST_UNPIN);
}

static void swap_out(struct thread *t, struct object *obj, int dev)
{
	struct anon_test_range range = { .len = obj->units * obj->unit };
	bool armed = arm(t);
	long ret = ioctl(dev, ANON_TEST_SWAP_OUT, &range);

	disarm(armed);
	if (ret > 0)
		atomic_fetch_add(&sum->swapped_out, ret);
	else if (ret && errno != EINVAL && errno != EOPNOTSUPP)
		went_well(ret, "swap-out", obj);
}

static void prefetch(struct thread *t, struct object *obj, int dev)
{
	struct anon_test_range range = { .len = obj->units * obj->unit };
	bool armed = arm(t);
	int ret = ioctl(dev, ANON_TEST_PREFETCH, &range);

	disarm(armed);
	if (ret && errno != EINVAL && errno != EOPNOTSUPP)
		went_well(ret, "prefetch", obj);
}

static void advise(struct thread *t, struct object *obj, int dev)
{
	int err = posix_fadvise(obj->fd, 0, 0, draw(t, 2) ?
				POSIX_FADV_WILLNEED : POSIX_FADV_DONTNEED);

	errno = err;
	if (err && err != EOPNOTSUPP)
		went_well(-1, "fadvise", obj);
}

/* Mapped, cut up, moved about, populated, collapsed, taken offline */
static void map_about(struct thread *t, struct object *obj, int dev)
{
	static const int advices[] = {
		MADV_POPULATE_READ, MADV_COLLAPSE, MADV_PAGEOUT,
		MADV_COLD, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_SOFT_OFFLINE,
	};
	size_t size = obj->units * obj->unit, half = obj->units / 2 * obj->unit;
	int advice = advices[draw(t, NR_OF(advices))];
	char *mem = mmap(NULL, size, PROT_READ, MAP_SHARED, obj->fd, 0);

	/* Resized or purged meanwhile, as what is said below */
	if (mem == MAP_FAILED)
		return;
	madvise(mem, advice == MADV_SOFT_OFFLINE ? obj->unit : size, advice);
	/* Not what has gone already: that may be another thread's by now */
	if (draw(t, 2)) {
		munmap(mem + half, obj->unit);
		munmap(mem, half);
		munmap(mem + half + obj->unit, size - half - obj->unit);
		return;
	}
	mprotect(mem, obj->unit, PROT_NONE);
	munmap(mem, size);
}

static void new_view(struct thread *t, struct object *obj, int dev)
{
	struct anon_test_view view = {
		.flags = draw(t, 2) ? O_RDONLY : O_RDWR,
	};
	bool armed = arm(t);
	int fd = ioctl(dev, ANON_TEST_VIEW, &view);

	disarm(armed);
	if (went_well(fd, "view", obj))
		close(fd);
}

static void look(struct thread *t, struct object *obj, int dev)
{
	struct anon_test_stat stat;

	if (ioctl(dev, ANON_TEST_STAT, &stat))
		differs("stat of %s: %s", obj->kind->name, strerror(errno));
	if (count_lines(ANON_OBJECTS) < 0)
		differs("no list of objects: %s", strerror(errno));
}

static void (*const free_ops[])(struct thread *t, struct object *obj,
				int dev) = {
	pin_blindly, pin_blindly, swap_out, swap_out, prefetch, advise,
	map_about, map_about, new_view, look,
};

static void on_own(struct thread *t, struct object *obj)
{
	int dev = adopt(obj);

	if (!went_well(dev, "adopting", obj))
		return;
	free_ops[draw(t, NR_OF(free_ops))](t, obj, dev);
	close(dev);
}

/* --- the life of an object -------------------------------------------------------- */

/* The pins that this thread has of it end with it, those of others do not */
static void purge(struct thread *t, unsigned int which, struct object *obj)
{
	char byte;

	if (obj->dev < 0 || obj->kind->flags & RESIZABLE || obj->dead)
		return;
	if (ioctl(obj->dev, ANON_TEST_EMPTY)) {
		differs("purge of %s: %s", obj->kind->name, strerror(errno));
		return;
	}
	obj->dead = true;
	if (pread(obj->fd, &byte, 1, 0) != 0)
		differs("%s has been purged, and can be read",
			obj->kind->name);
}

static void resize(struct thread *t, struct object *obj)
{
	unsigned int units = 1 + draw(t, obj->kind->units), i;
	__u64 size = units * obj->unit;
	int ret;

	if (!(obj->kind->flags & RESIZABLE))
		return;
	ret = ioctl(obj->dev, ANON_TEST_RESIZE, &size);
	/* A large folio is pinned that the end would come to be in */
	if (ret && errno == EBUSY)
		return;
	if (!went_well(ret, "resize", obj))
		return;
	for (i = units; i < obj->units; i++) {
		put_cell(obj->slots[i].cell);
		obj->slots[i].cell = NULL;
	}
	for (i = obj->units; i < units; i++)
		obj->slots[i].cell = new_cell();
	obj->units = units;
}

static void on_life(struct thread *t, unsigned int which, struct object *obj)
{
	pthread_rwlock_wrlock(&obj->shape);
	if (draw(t, 2))
		purge(t, which, obj);
	else
		resize(t, obj);
	pthread_rwlock_unlock(&obj->shape);
	if (obj->dead || !draw(t, 3))
		replace_object(which);
}

/* --- threads --------------------------------------------------------------------- */

static void operate(struct thread *t)
{
	unsigned int which = draw(t, OBJECTS), what = draw(t, 100);
	struct object *obj = get_object(which);

	if (what < 2) {
		on_life(t, which, obj);
	} else if (what < 40) {
		if (kinds[which].flags & RESIZABLE)
			pthread_rwlock_rdlock(&obj->shape);
		on_own(t, obj);
		if (kinds[which].flags & RESIZABLE)
			pthread_rwlock_unlock(&obj->shape);
	} else if (what < 50 && t->nr_pins) {
		use_pin(t, t->pins[draw(t, t->nr_pins)]);
	} else if (what < 55 && t->nr_pins) {
		unpin(t, draw(t, t->nr_pins));
	} else {
		pthread_rwlock_rdlock(&obj->shape);
		if (obj->dead)
			;
		else if (what < 62)
			pin(t, obj);
		else if (what < 66)
			drop_range(t, obj);
		else if (what < 68)
			allocate_range(t, obj);
		else
			on_unit(t, obj);
		pthread_rwlock_unlock(&obj->shape);
	}
	put_object(obj);
	atomic_fetch_add(&sum->operations, 1);
}

static atomic_bool pausing;

static void *run_thread(void *arg)
{
	struct thread *t = arg;

	t->may_fail = fail_init();
	if (!t->may_fail)
		differs("no allocations can fail in this kernel");
	while (!stopping) {
		while (!pausing)
			operate(t);
		while (t->nr_pins)
			unpin(t, 0);
		/* Everything is looked at from here to there */
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

/* --- the world around ------------------------------------------------------------- */

static char swap_disk[64];

/* Off and on again: all of it has to come back into memory */
static void world_swap(struct thread *t)
{
	if (!swap_disk[0] || swapoff(swap_disk))
		return;
	if (swapon(swap_disk, 0))
		differs("swapon: %s", strerror(errno));
}

static bool zram_is_on;

/* Swap that has what is written at once, and is soon full */
static void world_zram(struct thread *t)
{
	if (!zram_is_on) {
		zram_is_on = zram_on();
	} else if (!swapoff("/dev/zram0")) {
		zram_off();
		zram_is_on = false;
	}
}

static void world_lru_gen(struct thread *t)
{
	write_file("/sys/kernel/mm/lru_gen/enabled", "%u", draw(t, 2) * 7);
}

static void world_shmem_enabled(struct thread *t)
{
	static const char *const values[] = {
		"never", "always", "within_size", "advise", "deny", "force",
	};

	write_file(SHMEM_ENABLED, "%s", values[draw(t, NR_OF(values))]);
}

static void world_split(struct thread *t)
{
	write_file(SPLIT, "1");
}

static void world_compact(struct thread *t)
{
	write_file("/proc/sys/vm/compact_memory", "1");
}

static void world_drop(struct thread *t)
{
	write_file("/proc/sys/vm/drop_caches", "%d", 1 + (int)draw(t, 3));
}

static struct cgroup group;

static void world_limit(struct thread *t)
{
	static const struct {
		const char *file;
		unsigned int least;	/* that nobody is killed for, MiB */
	} limits[] = {
		{ "memory.high", 16 },
		{ "memory.max", 64 },
		{ "memory.swap.max", 0 },
	};
	unsigned int which = draw(t, NR_OF(limits));
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", group.path, limits[which].file);
	if (draw(t, 2))
		write_file(path, "%u",
			   (limits[which].least + draw(t, 64)) << 20);
	else
		write_file(path, "max");
}

static void world_reclaim(struct thread *t)
{
	cgroup_reclaim(&group, (size_t)(1 + draw(t, 32)) << 20);
}

/* More memory than there is, in a process that may be killed for it */
static void world_press(struct thread *t)
{
	size_t len = (64 + draw(t, 64)) * MIB, at;
	pid_t pid = fork();
	char *mem;

	if (pid > 0) {
		waitpid(pid, NULL, 0);
		return;
	}
	if (pid < 0)
		return;
	write_file("/proc/self/oom_score_adj", "1000");
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (at = 0; mem != MAP_FAILED && at < len; at += page)
		mem[at] = at >> 12;
	_exit(0);
}

static int unplug(void *arg)
{
	const char *path = arg;

	/* What is pinned in it would be waited for */
	alarm(1);
	return write_file(path, "offline") ? 1 : 0;
}

/* A block of memory goes, with what is in it elsewhere, and comes back */
static void world_unplug(struct thread *t)
{
	char path[64];

	snprintf(path, sizeof(path),
		 "/sys/devices/system/memory/memory%u/state", draw(t, 16));
	if (!in_child(unplug, path))
		write_file(path, "online");
}

static void world_pool(struct thread *t)
{
	write_file(NR_HUGEPAGES, "%u", 10 + draw(t, 8));
}

static void (*const world_ops[])(struct thread *t) = {
	world_swap, world_zram, world_lru_gen, world_shmem_enabled, world_split,
	world_compact, world_drop, world_limit, world_reclaim, world_reclaim,
	world_press, world_unplug, world_pool,
};

/* --- a look at everything --------------------------------------------------------- */

static void check_object(struct object *obj)
{
	struct anon_test_stat stat = {};
	int dev = adopt(obj);
	struct thread t = { .state = 1 };
	unsigned int i;

	if (dev < 0 || ioctl(dev, ANON_TEST_STAT, &stat))
		differs("stat of %s: %s", obj->kind->name, strerror(errno));
	if (stat.pinned)
		differs("%s: %llu bytes are pinned, by nobody",
			obj->kind->name, stat.pinned);
	if (obj->dead && stat.resident + stat.swapped)
		differs("%s: has been purged, and has %llu bytes",
			obj->kind->name, stat.resident + stat.swapped);
	close(dev);
	for (i = 0; !obj->dead && i < obj->units; i++)
		read_unit(&t, obj, i);
}

struct counts {
	long pins, unevictable, committed, shmem, objects;
};

static void take_counts(struct counts *counts)
{
	write_file("/proc/sys/vm/stat_refresh", "1");
	counts->pins = vmstat("nr_foll_pin_acquired") -
		       vmstat("nr_foll_pin_released");
	/*
	 * Nobody has objects in mlock(), but run_soak() its own pages. Of these
	 * some count when it is gone, or not yet as unevictable.
	 */
	counts->unevictable = vmstat("nr_unevictable") - vmstat("nr_mlock");
	if (counts->unevictable < 0)
		counts->unevictable = 0;
	counts->committed = meminfo("Committed_AS");
	counts->shmem = meminfo("Shmem");
	counts->objects = count_lines(ANON_OBJECTS);
}

static bool falls(const char *what, long before, long now, long slack, bool say)
{
	if (now <= before + slack)
		return true;
	if (say)
		differs("%s: %ld before, %ld now", what, before, now);
	return false;
}

static bool back(const struct counts *before, bool say)
{
	struct counts now;

	take_counts(&now);
	return falls("pins", before->pins, now.pins, 0, say) &
	       falls("unevictable", before->unevictable, now.unevictable, 0,
		     say) &
	       falls("committed", before->committed, now.committed, 0, say) &
	       falls("shmem", before->shmem, now.shmem, 256, say) &
	       falls("objects", before->objects, now.objects, 0, say) &
	       falls("reserved huge pages", 0, meminfo("HugePages_Rsvd"), 0,
		     say);
}

/* What is freed later has ten seconds for it */
static void check_all_is_back(const struct counts *before)
{
	const struct timespec tick = { .tv_nsec = 100 * 1000 * 1000 };
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (back(before, false))
			return;
		nanosleep(&tick, NULL);
	}
	back(before, true);
}

/* --- main ------------------------------------------------------------------------ */

static void find_swap(void)
{
	char line[256];
	FILE *f = fopen("/proc/swaps", "re");

	if (!f)
		return;
	if (fgets(line, sizeof(line), f) && fgets(line, sizeof(line), f))
		sscanf(line, "%63s", swap_disk);
	fclose(f);
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static void stop_for_a_look(void)
{
	unsigned int i;

	pausing = true;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < OBJECTS; i++)
		check_object(objects[i].obj);
	printf("# %lu operations, %lu refused, %lu allocations failed, %lu pages to swap, %lu memory errors\n",
	       sum->operations, sum->refused, sum->failed, sum->swapped_out,
	       sum->poisoned[0] + sum->poisoned[1]);
	fflush(stdout);
}

static void run(time_t seconds, struct thread *world)
{
	time_t end = now() + seconds, look = now() + ROUND;
	const struct timespec tick = { .tv_nsec = 20 * 1000 * 1000 };

	while (!stopping) {
		world_ops[draw(world, NR_OF(world_ops))](world);
		nanosleep(&tick, NULL);
		if (now() < look && now() < end)
			continue;
		stop_for_a_look();
		look = now() + ROUND;
		stopping = now() >= end;
		pausing = false;
		pthread_barrier_wait(&barrier);
	}
}

static void soak(time_t seconds, __u64 seed)
{
	struct thread threads[THREADS] = {}, world = { .state = seed };
	unsigned int i;

	for (i = 0; i < OBJECTS; i++) {
		pthread_mutex_init(&objects[i].lock, NULL);
		objects[i].obj = new_object(&kinds[i]);
		if (!objects[i].obj) {
			differs("no object %s: %s", kinds[i].name,
				strerror(errno));
			return;
		}
	}
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++) {
		threads[i].state = seed * THREADS + i;
		pthread_create(&threads[i].id, NULL, run_thread, &threads[i]);
	}
	run(seconds, &world);
	if (zram_is_on)
		zram_off();
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i].id, NULL);
	for (i = 0; i < OBJECTS; i++)
		put_object(objects[i].obj);
}

struct args {
	time_t seconds;
	__u64 seed;
};

static int run_soak(void *arg)
{
	const struct args *args = arg;

	/* Where no memory may be charged, none of the program could be read */
	mlockall(MCL_CURRENT);
	soak(args->seconds, args->seed);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO,
	};
	unsigned long seconds = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	__u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	struct counts before;
	int status;
	long pool;

	if (!seconds) {
		fprintf(stderr, "usage: soak SECONDS [SEED]\n");
		return 2;
	}
	page = sysconf(_SC_PAGESIZE);
	sum = mmap(NULL, sizeof(*sum), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sum == MAP_FAILED)
		return 2;
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	kernel_is_ported();
	if (access(DEVICE, F_OK) &&
	    system("modprobe anon_object_device 2>/dev/null")) {
		fprintf(stderr, "soak: there is no " DEVICE "\n");
		return 2;
	}
	find_swap();
	/*
	 * The group may be out of memory once more before what world_press()
	 * is killed for has been freed
	 */
	write_file("/proc/self/oom_score_adj", "-1000");
	pool = huge_pool_get(10);
	if (pool < 0 || cgroup_enter(&group, "soak")) {
		fprintf(stderr, "soak: no huge pages, or no memory cgroups\n");
		return 2;
	}
	printf("# seed %llu, %lu seconds\n", seed, seconds);
	fflush(stdout);
	take_counts(&before);
	/* In a process of its own, which takes with it what threads leave */
	status = in_child(run_soak, &(struct args) { seconds, seed });
	if (status)
		differs("the end was %d", status);
	check_all_is_back(&before);
	/* On the slowest of machines there are thousands */
	if (seconds >= 60 && (sum->operations < 100 || !sum->swapped_out ||
			      sum->refused > sum->operations / 4))
		differs("hardly anything was done");
	huge_pool_put(pool);
	cgroup_leave(&group);
	printf("%lu operations, %lu differences\n", sum->operations,
	       sum->differences);
	return sum->differences ? 1 : 0;
}
