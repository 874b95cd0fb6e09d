/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _MM_ANON_OBJECT_INTERNAL_H
#define _MM_ANON_OBJECT_INTERNAL_H

#include <linux/anon_object.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>

/**
 * struct anon_pin - a pin in progress, and what it records its pages in
 * @add: Take @nr pages from @page on, which are next to each other. An error
 *	fails the pin, with these pages not recorded.
 * @max_order: the largest block that is of use, where there are no folios
 * @sgt: the table that is to be made, or NULL. A backend that has made it by
 *	itself has recorded all pages.
 * @alloc_flags: private: what memalloc_pin_save() has returned
 * @memcg: private: whom allocations are charged to
 * @old_memcg: private: whom they were charged to before
 * @moves: private: how often moving folios may fail yet
 */
struct anon_pin {
	int (*add)(struct anon_pin *pin, struct page *page, unsigned long nr);
	unsigned int max_order;
	struct sg_table *sgt;
	unsigned int alloc_flags;
	struct mem_cgroup *memcg, *old_memcg;
	unsigned int moves;
};

/**
 * struct anon_backend - how an object's memory is had from a file system
 * @name: for people
 * @vm_ops: what mmap() of the backing file gives to a mapping
 * @create: Make the backing inode, of the attributes' size, which is not
 *	negative and not above MAX_LFS_FILESIZE. Returns its object, which has
 *	been initialised and to which the reference to the inode belongs, or an
 *	ERR_PTR. May sleep.
 * @make_file: Make a file of the inode, with a dentry of its own. It takes the
 *	caller's reference to the inode, or is an ERR_PTR. May sleep.
 * @get_folio: Find or allocate the folio at page @index, which is below the
 *	size. Returns it uptodate, unlocked and with a reference, or an
 *	ERR_PTR: -ENOMEM where reclaim might help. May sleep.
 * @fill_folio: The same, but a new folio is not uptodate yet: it is locked, and
 *	the caller writes to all of it. NULL where there is no such thing.
 * @fill_hole: Fill what is a hole from page @index on, up to @end at most, with
 *	folios as @get_folio returns them, into an empty batch. Returns how many
 *	pages that are; 0 where @get_folio is to be asked. May sleep. NULL where
 *	it always is.
 * @find_folio: As @get_folio, but a hole stays one, and gives NULL. May sleep.
 * @max_order: The largest folio that @insert_folio takes. NULL as that is.
 * @insert_folio: Add @folio, which is the caller's alone, to the hole at page
 *	@index. Returns 0, with the reference gone, or an error, with the folio as
 *	it was. May sleep. NULL: not supported.
 * @drop: Free the folios and the swap of pages @start up to, not including,
 *	@end, pinned or not; unmap them first. Returns 0 or an error: -EBUSY if
 *	a folio crosses an end of the range and is pinned. May sleep.
 * @punch: The same for bytes from @pos on, of which only whole pages of the
 *	backend's are freed, and the rest is cleared; called with i_rwsem held,
 *	and while there are no pins. By way of @file, or NULL. -EPERM: sealed;
 *	-ENOMEM, -EIO: could not be cleared. NULL: not supported.
 * @empty: Free all there is, of an object that is dead. May sleep.
 * @resize: Change the size; called with i_rwsem held. Growing reserves as
 *	creation does. May sleep.
 * @seals: the file's F_SEAL_*; called in any context
 * @stat: Fill in resident, swapped and page_size. Called with spinlocks held.
 * @swap_out: Write pages @start up to @end to swap, skipping what is pinned.
 *	Returns the number of pages. May sleep. NULL where nothing can be
 *	swapped.
 * @swap_in: Read pages @start up to @end back from swap. May sleep. NULL
 *	where nothing can be swapped.
 * @set_locked: Keep the memory from being swapped, or no longer. Called under
 *	the object's lock. NULL where nothing can be swapped.
 * @move_evictable: Put folios that reclaim found unevictable back onto its
 *	lists, now that they are not. May sleep. NULL where folios are on no
 *	such list.
 *
 * Where there is no file system, and so no inode and no folio, there are these
 * and @stat, and all others are NULL:
 *
 * @pin: Count a pin, have memory, and record pages @index up to @end in @pin.
 *	Returns 0 or an error, after which @unpin is called as well. May sleep.
 * @unpin: Give a pin back, of that many pages. Does not sleep.
 * @release: The last reference is gone. Called in any context.
 */
struct anon_backend {
	const char *name;
	const struct vm_operations_struct *vm_ops;
	struct anon_object *(*create)(const struct anon_object_attrs *attrs);
	struct file *(*make_file)(struct anon_object *obj, int flags,
				  const struct file_operations *fops);
	struct folio *(*get_folio)(struct anon_object *obj, pgoff_t index,
				   gfp_t gfp);
	struct folio *(*fill_folio)(struct anon_object *obj, pgoff_t index,
				    gfp_t gfp);
	unsigned int (*fill_hole)(struct anon_object *obj, pgoff_t index,
				  pgoff_t end, gfp_t gfp,
				  struct folio_batch *fbatch);
	struct folio *(*find_folio)(struct anon_object *obj, pgoff_t index,
				    gfp_t gfp);
	unsigned int (*max_order)(struct anon_object *obj);
	int (*insert_folio)(struct anon_object *obj, pgoff_t index,
			    struct folio *folio, gfp_t gfp);
	int (*drop)(struct anon_object *obj, pgoff_t start, pgoff_t end);
	int (*punch)(struct anon_object *obj, struct file *file, loff_t pos,
		     loff_t len);
	void (*empty)(struct anon_object *obj);
	int (*resize)(struct anon_object *obj, loff_t size);
	unsigned int (*seals)(const struct anon_object *obj);
	void (*stat)(const struct anon_object *obj,
		     struct anon_object_stat *stat);
	long (*swap_out)(struct anon_object *obj, pgoff_t start, pgoff_t end);
	int (*swap_in)(struct anon_object *obj, pgoff_t start, pgoff_t end);
	void (*set_locked)(struct anon_object *obj, bool locked);
	void (*move_evictable)(struct anon_object *obj);

	int (*pin)(struct anon_object *obj, pgoff_t index, pgoff_t end,
		   struct anon_pin *pin);
	void (*unpin)(struct anon_object *obj, unsigned long nr_pages);
	void (*release)(struct anon_object *obj);
};

struct anon_object *anon_object_from_inode(struct inode *inode);
struct file *anon_object_make_file(struct anon_object *obj, int flags,
				   const struct file_operations *fops);
struct file *anon_object_base(struct anon_object *obj);
void anon_object_flush(void);

/* Bytes; 0 if there is no such size */
u64 anon_hugetlb_page_size(unsigned int page_shift);

#define ANON_PAGES_FLAGS	(ANON_OBJECT_VOLATILE | ANON_OBJECT_UNCLEARED)

struct anon_object *anon_pages_create(const struct anon_object_attrs *attrs);
void anon_pages_total(long *objects, long *resident);

bool anon_object_gfp_valid(enum anon_object_backend backend, gfp_t gfp);
unsigned long anon_object_zone_pages(gfp_t gfp);
int anon_object_check_attrs(const struct anon_object_attrs *attrs);
struct obj_cgroup *anon_object_get_objcg(void);
int anon_object_check_bytes(struct anon_object *obj, loff_t pos, size_t len);
int anon_object_resize_inode(struct anon_object *obj, loff_t size);
int anon_object_punch_hole(struct anon_object *obj, struct file *file,
			   loff_t pos, loff_t len);
void anon_object_wait_punch(struct anon_object *obj);
void anon_object_hold(struct anon_object *obj);
bool anon_object_release(struct anon_object *obj);

/* Of an object that somebody has created, and has a reference to */
static inline const char *anon_object_name(const struct anon_object *obj)
{
	return obj->long_named ? obj->long_name : obj->name;
}

static inline struct address_space *anon_object_mapping(struct anon_object *obj)
{
	return obj->inode->i_mapping;
}

/* Pages that are in the page cache now: a number to be told, or a hint */
static inline unsigned long anon_object_cached(const struct anon_object *obj)
{
	/* It is changed under the lock of i_pages, with no regard to us */
	return data_race(READ_ONCE(obj->inode->i_mapping->nrpages));
}

/* The page after a folio, with a reference to it but not its lock */
static inline pgoff_t anon_object_folio_end(struct folio *folio)
{
	/* It may leave the page cache and come back, but to the same place */
	return data_race(folio_next_index(folio));
}

/*
 * A dead object has been purged. It keeps its i_size, but has nothing, and gets
 * nothing: who adds a folio to the page cache sees the flag under the lock.
 */
static inline bool anon_object_dead(const struct anon_object *obj)
{
	return mapping_exiting(obj->inode->i_mapping);
}

static inline loff_t anon_object_bytes(const struct anon_object *obj)
{
	if (!obj->inode)
		return obj->size;
	return unlikely(anon_object_dead(obj)) ? 0 : i_size_read(obj->inode);
}

#define ANON_OBJECT_EFFORT	(__GFP_NORETRY | __GFP_RETRY_MAYFAIL)

/* The page allocator's flags for a pin of the object's memory */
static inline gfp_t anon_object_gfp(struct anon_object *obj)
{
	if (!obj->inode)
		return container_of(obj, struct anon_pages, obj)->gfp;
	return mapping_gfp_mask(anon_object_mapping(obj)) | obj->effort;
}

/*
 * Is it more than there is of the zones that the memory may be from?  Then there
 * is no chance: do not take all of theirs for it first.  No zone is so small that
 * it is worth asking for what most pins want.
 */
static inline bool anon_object_too_large(gfp_t gfp, unsigned long nr_pages)
{
	return nr_pages > SZ_16M >> PAGE_SHIFT &&
	       nr_pages > anon_object_zone_pages(gfp);
}

/* Is the range one of the object's, not empty, and aligned? */
static inline int anon_object_check_range(struct anon_object *obj, loff_t pos,
					  loff_t len, u64 align)
{
	u64 size = round_up((u64)anon_object_bytes(obj), align);

	if (pos < 0 || len <= 0 || !IS_ALIGNED(pos | len, align))
		return -EINVAL;
	return (u64)pos + len > size ? -EINVAL : 0;
}

/*
 * Charge what is allocated for @obj to its creator until the matching exit. An
 * object that user space has made is charged to whom it would be anyway.
 */
static inline struct mem_cgroup *
anon_object_enter_memcg(struct anon_object *obj, struct mem_cgroup **old)
{
	struct mem_cgroup *memcg;

	if (!obj->objcg)
		return NULL;
	memcg = get_mem_cgroup_from_objcg(obj->objcg);
	*old = set_active_memcg(memcg);
	return memcg;
}

static inline void anon_object_exit_memcg(struct mem_cgroup *memcg,
					  struct mem_cgroup *old)
{
	if (!memcg)
		return;
	set_active_memcg(old);
	mem_cgroup_put(memcg);
}

/* What the count of pinned pages begins at while a hole is being punched */
#define ANON_OBJECT_PUNCHING	LONG_MIN

static inline unsigned long anon_object_pinned(const struct anon_object *obj)
{
	return max(atomic_long_read(&obj->pinned), 0L);
}

/*
 * Count a pin, before there is one, and no longer, when there is none. Who
 * punches holes sees either the pin, or is waited for.
 */
static inline void anon_object_get_pin(struct anon_object *obj,
				       unsigned long nr_pages)
{
	if (unlikely(atomic_long_add_negative(nr_pages, &obj->pinned)))
		anon_object_wait_punch(obj);
}

static inline void anon_object_put_pin(struct anon_object *obj,
				       unsigned long nr_pages)
{
	WARN_ON_ONCE(atomic_long_sub_return(nr_pages, &obj->pinned) < 0);
}

/*
 * Is a pin of so many pages one of all the object, which reclaim need not look
 * at then? That has to be as true when it is unpinned, so the size is fixed.
 */
static inline bool anon_object_is_whole(const struct anon_object *obj,
					unsigned long nr_pages)
{
	return obj->owned && !(obj->flags & ANON_OBJECT_RESIZABLE) &&
	       nr_pages == DIV_ROUND_UP((u64)i_size_read(obj->inode),
					PAGE_SIZE);
}

#endif /* _MM_ANON_OBJECT_INTERNAL_H */
