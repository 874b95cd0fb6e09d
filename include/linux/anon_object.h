/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Swap-backed anonymous objects, on shmem or hugetlbfs.
 *
 * See Documentation/core-api/anon-object.rst.
 */
#ifndef _LINUX_ANON_OBJECT_H
#define _LINUX_ANON_OBJECT_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mm_types.h>
#include <linux/refcount.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct anon_backend;
struct anon_object;
struct anon_pages;
struct file;
struct inode;
struct iosys_map;
struct iov_iter;
struct module;
struct obj_cgroup;
struct seq_file;
struct ucounts;
struct vm_area_struct;
struct vm_fault;

/**
 * enum anon_object_backend - what holds an object's memory
 * @ANON_OBJECT_SHMEM: shmem: swappable, in folios as the huge policy has them
 * @ANON_OBJECT_HUGETLB: hugetlbfs: pages of one huge size, reserved, not
 *	swappable
 * @ANON_OBJECT_AUTO: hugetlb if its pool can serve the object, else shmem with
 *	%ANON_OBJECT_HUGE_WITHIN_SIZE
 * @ANON_OBJECT_PAGES: the page allocator: for the kernel only, never swapped,
 *	in blocks as large as are to be had
 */
enum anon_object_backend {
	ANON_OBJECT_SHMEM,
	ANON_OBJECT_HUGETLB,
	ANON_OBJECT_AUTO,
	ANON_OBJECT_PAGES,
};

/**
 * enum anon_object_huge - when a shmem object gets large folios
 * @ANON_OBJECT_HUGE_SYSTEM: as the system's settings for shmem say
 * @ANON_OBJECT_HUGE_NEVER: never
 * @ANON_OBJECT_HUGE_ALWAYS: always, even if that goes beyond the object's size
 * @ANON_OBJECT_HUGE_WITHIN_SIZE: where the folio is fully within the object's
 *	size; elsewhere as for %ANON_OBJECT_HUGE_ADVISE
 * @ANON_OBJECT_HUGE_ADVISE: where user space has asked for it with madvise();
 *	this means never for pins
 *
 * /sys/kernel/mm/transparent_hugepage/shmem_enabled rules over each of them
 * when it is "deny" or "force". Without CONFIG_SHMEM, there are only the first
 * two, and they are the same.
 */
enum anon_object_huge {
	ANON_OBJECT_HUGE_SYSTEM,
	ANON_OBJECT_HUGE_NEVER,
	ANON_OBJECT_HUGE_ALWAYS,
	ANON_OBJECT_HUGE_WITHIN_SIZE,
	ANON_OBJECT_HUGE_ADVISE,
};

/* Do not account or reserve the whole size up front */
#define ANON_OBJECT_NORESERVE		BIT(0)
/* Kernel-internal: the caller does its own LSM checks */
#define ANON_OBJECT_PRIVATE		BIT(1)
/* anon_object_resize() may be used, and any size, 0 included, is valid */
#define ANON_OBJECT_RESIZABLE		BIT(2)
/* hugetlb only for those whom the hugetlb_shm_group rule lets have it */
#define ANON_OBJECT_HUGETLB_PERM	BIT(3)
/* pages only: there is memory only while it is pinned */
#define ANON_OBJECT_VOLATILE		BIT(4)
/* pages only: the memory holds whatever it held before */
#define ANON_OBJECT_UNCLEARED		BIT(5)

/**
 * struct anon_object_ops - what the owner of an object adds to it
 * @owner: THIS_MODULE; stays loaded until the hooks have been called for the
 *	last time: @release, or else what the last reference allows. NULL where
 *	the driver gives back all references before it is unloaded, and there
 *	is no @release.
 * @shrink: Give memory back, because a pin of @obj could not have its folios
 *	without reclaim. @nr_pages is the number of pages that the pin still
 *	needs. Called with no lock of the object's held, with whatever the
 *	caller of the pin holds; may sleep, may unpin, must not pin @obj.
 *	Not for pages. Optional.
 * @release: The object is going away, with its inode. The memory is still
 *	there, no user is left. Called from the eviction of the inode: may
 *	sleep, must not allocate with reclaim into file systems. For pages: the
 *	memory is gone. Called by the last anon_object_put(), in its context.
 *	Optional.
 */
struct anon_object_ops {
	struct module *owner;
	void (*shrink)(struct anon_object *obj, unsigned long nr_pages);
	void (*release)(struct anon_object *obj);
};

/**
 * struct anon_object_attrs - what anon_object_create() makes
 * @name: the name that /proc/<pid>/maps and debugfs show
 * @size: bytes; shmem accounts whole pages, hugetlb rounds it up to its page
 *	size
 * @backend: what holds the memory
 * @page_shift: hugetlb: log2 of the page size in bytes, 0 for the default size
 * @huge: shmem: when to allocate large folios
 * @gfp: the page allocator's flags for the object's memory: its zone, its
 *	mobility, and how hard to try, as in GFP_HIGHUSER | __GFP_RETRY_MAYFAIL.
 *	They hold for pins, which move what is not of that zone, and but for the
 *	effort for faults, reads and writes as well; 0 for the backend's own,
 *	which is all that hugetlb takes. pages are charged to the creator's
 *	memory cgroup if there is __GFP_ACCOUNT among them.
 * @flags: ANON_OBJECT_*
 * @ops: the owner's hooks, or NULL
 * @private: the owner's data, see anon_object_private(); for who has @ops
 */
struct anon_object_attrs {
	const char *name;
	loff_t size;
	enum anon_object_backend backend;
	unsigned int page_shift;
	enum anon_object_huge huge;
	gfp_t gfp;
	unsigned int flags;
	const struct anon_object_ops *ops;
	void *private;
};

/**
 * struct anon_object_stat - what an object holds, in bytes
 * @resident: in memory
 * @swapped: in swap
 * @pinned: held by pins; what two pins hold counts twice
 * @page_size: the backend's smallest folio
 */
struct anon_object_stat {
	u64 resident;
	u64 swapped;
	u64 pinned;
	u64 page_size;
};

/**
 * struct anon_object_map - an object's memory, pinned and mapped
 * @vaddr: where it is mapped
 * @size: bytes
 * @sgt: private: the pin
 */
struct anon_object_map {
	void *vaddr;
	size_t size;
	struct sg_table sgt;
};

/* For unpinning: what has been done with the memory */
#define ANON_OBJECT_DIRTY	BIT(0)
#define ANON_OBJECT_ACCESSED	BIT(1)

/**
 * struct anon_view_ops - hooks into a view's mappings
 * @owner: THIS_MODULE; stays loaded until the view has gone
 * @open: A mapping of the view has been added: by mmap(), where an error fails
 *	it and @close is not called, or by fork(), mremap() or a split, where
 *	an error only warns. Called with the mmap_lock held; may sleep. For a
 *	fork or a split, the backend's own hook has run. Optional, with @close.
 * @close: A mapping of the view is gone. Called with the mmap_lock held, after
 *	the backend's own hook; may sleep. Optional, with @open.
 * @fault: Called before the backend's fault handler, on the first access to
 *	whatever that will map, a page or a large folio; 0 goes on to it,
 *	anything else is returned in its place. Called with the mmap_lock held
 *	for reading, as there is neither fault-around nor a fault under the
 *	VMA's own lock beside it, nor userfaultfd; may sleep. Not for hugetlb.
 *	Optional.
 * @mmap: Device views: the driver's own mmap, with vm_pgoff at the view's
 *	fake offset. Called with the mmap_lock held. Mandatory there, not
 *	allowed elsewhere.
 * @vmap: Device views: map all of the object into the kernel, the way that
 *	@mmap does it for user space, for a read or a write. May sleep.
 *	Optional, with @vunmap, not allowed elsewhere. Without it, reads and
 *	writes are of the object's own memory.
 * @vunmap: Device views: undo @vmap. May sleep.
 * @release: The view is gone, and with it @private. May sleep. Optional.
 */
struct anon_view_ops {
	struct module *owner;
	int (*open)(struct vm_area_struct *vma, void *private);
	void (*close)(struct vm_area_struct *vma, void *private);
	vm_fault_t (*fault)(struct vm_fault *vmf, void *private);
	int (*mmap)(struct vm_area_struct *vma, void *private);
	int (*vmap)(void *private, struct iosys_map *map);
	void (*vunmap)(void *private, struct iosys_map *map);
	void (*release)(void *private);
};

/**
 * struct anon_view_attrs - what anon_object_view() makes
 * @flags: O_RDONLY, O_WRONLY or O_RDWR
 * @ops: hooks, or NULL
 * @private: the argument that the hooks get
 * @mapping: device views: the mapping that the driver revokes its PTEs
 *	through; NULL makes a backing view
 * @pgoff: device views: where in @mapping the object begins, in pages
 * @through: the file that anon_object_from_file() has found the object by: the
 *	view gets no rights that this has not; NULL for who has created it
 */
struct anon_view_attrs {
	int flags;
	const struct anon_view_ops *ops;
	void *private;
	struct address_space *mapping;
	unsigned long pgoff;
	struct file *through;
};

extern const struct anon_backend anon_shmem_backend;
extern const struct anon_backend anon_hugetlb_backend;
extern const struct anon_backend anon_pages_backend;

#ifdef CONFIG_ANON_OBJECT
/* Enough for most names, and for what takes the name's place */
#define ANON_OBJECT_NAME_SIZE	16

/**
 * struct anon_object - a swap-backed anonymous object
 * @backend: what holds the memory
 * @inode: the backing inode, which this is in one piece with; NULL for pages
 * @ops: the owner's hooks, or NULL
 * @private: the owner's data
 * @name: what files that are yet to be made are called
 * @long_name: the same, allocated
 * @work: when @refs is 0: lets the inode go
 * @unused: the same where there is no task to do it
 * @objcg: whom the kernel's own allocations are charged to; NULL for the root
 * @refs: references; while there are any, @file is held
 * @lock: protects @file, @locked and clearing the AS_UNEVICTABLE flag of the
 *	mapping; irq-safe where there is an inode, because the last put may come
 *	from anywhere
 * @file: keeps inode and mount while @refs is not 0; where nobody has needed
 *	one, it is NULL, and @inode a reference
 * @size: where there is no inode: bytes
 * @pinned: pages that pins hold; less than none while a hole is being punched
 * @whole: how many pins are of all the object
 * @effort: how hard a pin tries to have memory, of &anon_object_attrs.gfp; the
 *	mapping's flags are without, for a fault that fails is tried for ever
 * @scarce: the jiffy in which there was no memory for a large folio
 * @born: when it was made, in seconds since boot
 * @tgid: the process that made it, which may be gone
 * @comm: that thread's command
 * @flags: ANON_OBJECT_*
 * @huge: enum anon_object_huge
 * @scarce_order: the smallest order that there was none for; 0: has not been yet
 * @owned: made by anon_object_create(), not by user space
 * @found: @file is that of who has found the object, not of who has created it
 * @locked: SHM_LOCKed
 * @noswap: the mount does not swap
 * @long_named: the name is @long_name
 * @shared: there has been a view: the next one is a clone of @file
 * @viewed: has been given to user space as a view
 */
struct anon_object {
	const struct anon_backend *backend;
	struct inode *inode;
	const struct anon_object_ops *ops;
	void *private;
	union {
		char name[ANON_OBJECT_NAME_SIZE];
		const char *long_name;
		struct callback_head work;
		struct llist_node unused;
	};
	struct obj_cgroup *objcg;
	refcount_t refs;
	raw_spinlock_t lock;	/* nests inside all else */
	union {
		struct file *file;
		loff_t size;
	};
	atomic_long_t pinned;
	atomic_t whole;
	gfp_t effort;
	u32 scarce;
#ifdef CONFIG_DEBUG_FS
	u32 born;
	pid_t tgid;
	char comm[TASK_COMM_LEN];
#endif
	u16 flags;
	u8 huge;
	u8 scarce_order;
	bool owned;
	bool found;
	bool locked;
	bool noswap;
	bool long_named;
	bool shared;
	bool viewed;
};

/**
 * struct anon_pages - an object of the pages backend
 * @obj: the object
 * @blocks: the blocks of pages, by &page.pcp_llist of the first page of each,
 *	whose private data is the block's order; under the object's lock, but
 *	while the object is pinned there is no change any more
 * @entry: the table of a pin that is the first one, and of one segment only
 * @gfp: how to allocate
 * @embedded: made by anon_pages_embed()
 *
 * See anon_pages_embed(). All of it is private.
 */
struct anon_pages {
	struct anon_object obj;
	struct llist_node *blocks;
	struct scatterlist entry;
	gfp_t gfp;
	bool embedded;
};

bool anon_view_allows(const struct file *file, fmode_t mode);

/* For the backing file systems; @obj is NULL where an inode has none */
void anon_object_init(struct anon_object *obj, struct inode *inode,
		      const struct anon_backend *backend);
void anon_object_evict(struct anon_object *obj);
int anon_object_may_open(const struct anon_object *obj);
void anon_object_show_fdinfo(struct seq_file *m, struct file *file);

static inline enum anon_object_huge
anon_object_huge(const struct anon_object *obj)
{
	return obj ? obj->huge : ANON_OBJECT_HUGE_SYSTEM;
}

/*
 * Those of @orders that are worth trying.  Where memory is fragmented, what there
 * is none for is not tried for each page, but about once a jiffy.
 */
static inline unsigned long anon_object_orders(const struct anon_object *obj,
					       unsigned long orders)
{
	unsigned int scarce = obj ? READ_ONCE(obj->scarce_order) : 0;

	if (!scarce || READ_ONCE(obj->scarce) != (u32)jiffies)
		return orders;
	return orders & (BIT(scarce) - 1);
}

static inline void anon_object_set_scarce(struct anon_object *obj, int order)
{
	/* What is large by the system's settings only is tried as ever */
	if (!obj || obj->huge == ANON_OBJECT_HUGE_SYSTEM)
		return;
	WRITE_ONCE(obj->scarce, jiffies);
	WRITE_ONCE(obj->scarce_order, order);
}
#else
struct anon_object {
};

static inline bool anon_view_allows(const struct file *file, fmode_t mode)
{
	return true;
}

static inline void anon_object_init(struct anon_object *obj,
				    struct inode *inode,
				    const struct anon_backend *backend)
{
}

static inline void anon_object_evict(struct anon_object *obj)
{
}

static inline int anon_object_may_open(const struct anon_object *obj)
{
	return 0;
}

static inline enum anon_object_huge
anon_object_huge(const struct anon_object *obj)
{
	return ANON_OBJECT_HUGE_SYSTEM;
}

static inline unsigned long anon_object_orders(const struct anon_object *obj,
					       unsigned long orders)
{
	return orders;
}

static inline void anon_object_set_scarce(struct anon_object *obj, int order)
{
}
#endif /* CONFIG_ANON_OBJECT */

#if !defined(CONFIG_ANON_OBJECT) || !defined(CONFIG_PROC_FS)
#define anon_object_show_fdinfo	NULL
#endif

/* From them: the object of an inode of the kernel's own mounts, or NULL */
struct anon_object *anon_shmem_from_inode(struct inode *inode);
struct anon_object *anon_hugetlb_from_inode(struct inode *inode);

/**
 * anon_object_set_lock_class - tell lockdep that an object is not like others
 * @obj: the object, which has an inode, and which nobody else knows of yet
 * @key: the class of its i_rwsem
 */
#define anon_object_set_lock_class(obj, key) \
	lockdep_set_class(&(obj)->inode->i_rwsem, key)

struct anon_object *anon_object_create(const struct anon_object_attrs *attrs);
int anon_pages_embed(struct anon_pages *pages, loff_t size, gfp_t gfp,
		     unsigned int flags);
struct anon_object *anon_object_from_file(struct file *file);
struct anon_object *anon_object_get(struct anon_object *obj);
void anon_object_put(struct anon_object *obj);
struct file *anon_object_file(struct anon_object *obj);
loff_t anon_object_size(const struct anon_object *obj);
void *anon_object_private(const struct anon_object *obj,
			  const struct anon_object_ops *ops);
void anon_object_set_ino(struct anon_object *obj, u64 ino);
u64 anon_object_ino(const struct anon_object *obj);
dev_t anon_object_dev(const struct anon_object *obj);
int anon_object_resize(struct anon_object *obj, loff_t size);

int anon_object_pin_pages(struct anon_object *obj, loff_t pos, size_t len,
			  struct page **pages);
void anon_object_unpin_pages(struct anon_object *obj, struct page **pages,
			     size_t nr_pages, unsigned int flags);
int anon_object_pin_sgt(struct anon_object *obj, loff_t pos, size_t len,
			unsigned int max_segment, struct sg_table *sgt);
void anon_object_unpin_sgt(struct anon_object *obj, struct sg_table *sgt,
			   unsigned int flags);
int anon_object_vmap(struct anon_object *obj, loff_t pos, size_t len,
		     pgprot_t prot, struct anon_object_map *map);
void anon_object_vunmap(struct anon_object *obj, struct anon_object_map *map,
			unsigned int flags);

struct folio *anon_object_get_folio(struct anon_object *obj, loff_t pos);
struct folio *anon_object_find_folio(struct anon_object *obj, loff_t pos);
loff_t anon_object_seek_data(struct anon_object *obj, loff_t pos);

ssize_t anon_object_read_iter(struct anon_object *obj, loff_t pos,
			      struct iov_iter *to);
ssize_t anon_object_write_iter(struct anon_object *obj, loff_t pos,
			       struct iov_iter *from);
ssize_t anon_object_read_iter_gfp(struct anon_object *obj, loff_t pos,
				  struct iov_iter *to, gfp_t gfp);
ssize_t anon_object_write_iter_gfp(struct anon_object *obj, loff_t pos,
				   struct iov_iter *from, gfp_t gfp);
unsigned int anon_object_max_order(struct anon_object *obj);
int anon_object_insert(struct anon_object *obj, loff_t pos, struct folio *folio,
		       gfp_t gfp);
int anon_object_read(struct anon_object *obj, loff_t pos, void *buf,
		     size_t len);
int anon_object_write(struct anon_object *obj, loff_t pos, const void *buf,
		      size_t len);
int anon_object_read_map(struct anon_object *obj, loff_t pos,
			 struct iosys_map *dst, size_t dst_offset, size_t len);
int anon_object_write_map(struct anon_object *obj, loff_t pos,
			  const struct iosys_map *src, size_t src_offset,
			  size_t len);

long anon_object_swap_out(struct anon_object *obj, loff_t pos, loff_t len);
int anon_object_prefetch(struct anon_object *obj, loff_t pos, loff_t len);
int anon_object_punch(struct anon_object *obj, loff_t pos, loff_t len);
int anon_object_truncate_range(struct anon_object *obj, loff_t pos,
			       loff_t len);
int anon_object_purge(struct anon_object *obj);

int anon_object_lock(struct anon_object *obj, struct ucounts *ucounts);
void anon_object_unlock(struct anon_object *obj, struct ucounts *ucounts);
void anon_object_move_evictable(struct anon_object *obj);
void anon_object_get_stat(struct anon_object *obj,
			  struct anon_object_stat *stat);

unsigned long anon_object_get_unmapped_area(struct anon_object *obj,
					    unsigned long addr,
					    unsigned long len,
					    unsigned long pgoff,
					    unsigned long flags);
struct file *anon_object_view(struct anon_object *obj,
			      const struct anon_view_attrs *attrs);
struct anon_object *anon_view_object(struct file *file);
void *anon_view_private(struct file *file, const struct anon_view_ops *ops);
int anon_view_fd(struct file *file, unsigned int lowest, int flags);

#endif /* _LINUX_ANON_OBJECT_H */
