// SPDX-License-Identifier: GPL-2.0
/*
 * What a pin is recorded in: an array of pages, or an sg_table.
 *
 * A record has all that an unpin needs.  What is allocated for a table follows
 * the object's rules: it is charged to its creator, and as hard to get as its
 * memory.
 */
#include <linux/kmemleak.h>
#include <linux/slab.h>
#include <linux/unroll.h>

#include "pin.h"

/* Without folios, there is no state to leave them with */
static bool anon_unpin_all(struct anon_object *obj, unsigned long nr_pages,
			   unsigned int flags)
{
	if (!obj->backend->unpin)
		return false;
	obj->backend->unpin(obj, nr_pages);
	trace_anon_object_unpin(obj, nr_pages, flags);
	return true;
}

struct anon_pin_pages {
	struct anon_pin pin;
	struct page **next;
};

static int anon_pin_add_pages(struct anon_pin *pin, struct page *page,
			      unsigned long nr)
{
	struct anon_pin_pages *pp = container_of(pin, struct anon_pin_pages,
						 pin);
	struct page **next = pp->next;
	unsigned long i;

	unrolled_count(4)
	for (i = 0; i < nr; i++)
		next[i] = page + i;
	pp->next = next + nr;
	return 0;
}

/* Undo a pin of @nr_pages that has failed when @recorded had been recorded */
static void anon_abort_pages(struct anon_object *obj, struct page **pages,
			     size_t recorded, size_t nr_pages)
{
	struct anon_unpin unpin __uninitialized;
	size_t i;

	if (anon_unpin_all(obj, nr_pages, 0))
		return;
	anon_unpin_setup(&unpin, obj, 0);
	for (i = 0; i < recorded; i += anon_unpin_folio(&unpin, pages[i]))
		;
	anon_unpin_end(&unpin, nr_pages);
}

/**
 * anon_object_pin_pages - pin a range to an array of pages
 * @obj: the object
 * @pos: where to begin, in bytes, a multiple of the page size
 * @len: bytes, a multiple of the page size
 * @pages: gets @len >> PAGE_SHIFT pages, in the object's order
 *
 * Context: May sleep, allocates; see "locking". @obj may be unreferenced
 * again only after anon_object_unpin_pages().
 * Return: 0, or, with nothing pinned and @pages undefined,
 *
 * * -EINVAL: the range is misaligned, empty or not within the object
 * * -ENOMEM: no memory, or too few pages in the hugetlb pool; no memory of the
 *   object's zone to move it to
 * * -EIO: swap could not be read, or a page of the range is broken
 * * -EINTR: a fatal signal is pending, and not all of it was in memory
 */
int anon_object_pin_pages(struct anon_object *obj, loff_t pos, size_t len,
			  struct page **pages)
{
	struct anon_pin_pages pp __uninitialized;
	unsigned long nr_pages = len >> PAGE_SHIFT;
	pgoff_t index = pos >> PAGE_SHIFT;
	int err;

	err = anon_object_check_range(obj, pos, len, PAGE_SIZE);
	if (err)
		return err;

	pp.pin.add = anon_pin_add_pages;
	pp.pin.max_order = MAX_PAGE_ORDER;
	pp.pin.sgt = NULL;
	pp.next = pages;

	err = anon_pin(obj, index, index + nr_pages, &pp.pin);
	if (err)
		anon_abort_pages(obj, pages, pp.next - pages, nr_pages);
	else
		anon_pin_done(obj, nr_pages);
	trace_anon_object_pin(obj, pos, len, err);
	return err;
}
EXPORT_SYMBOL_GPL(anon_object_pin_pages);

/**
 * anon_object_unpin_pages - undo anon_object_pin_pages()
 * @obj: the object
 * @pages: what it had returned
 * @nr_pages: all the pages of that pin
 * @flags: %ANON_OBJECT_DIRTY, %ANON_OBJECT_ACCESSED
 *
 * Context: May sleep, does not allocate.
 */
void anon_object_unpin_pages(struct anon_object *obj, struct page **pages,
			     size_t nr_pages, unsigned int flags)
{
	struct anon_unpin unpin __uninitialized;
	size_t i;

	if (anon_unpin_all(obj, nr_pages, flags))
		return;
	anon_unpin_begin(&unpin, obj, nr_pages, flags);
	for (i = 0; i < nr_pages; i += anon_unpin_folio(&unpin, pages[i]))
		;
	anon_unpin_end(&unpin, nr_pages);
}
EXPORT_SYMBOL_GPL(anon_object_unpin_pages);

/*
 * Builds an sg_table run by run, without knowing how many there will be.  The
 * first few entries are on the stack, most objects need no more.  Others go
 * into pages, chained as sg_free_table() expects them.
 */
#define ANON_SGT_FEW	16
#define ANON_SGT_LINK	(SG_MAX_SINGLE_ALLOC - 1)

struct anon_pin_sgt {
	struct anon_pin pin;
	struct anon_object *obj;
	unsigned int max_segment;
	unsigned int nents;
	unsigned int used;		/* entries of @chunk */
	struct scatterlist *sg;		/* the entry that may still grow */
	struct scatterlist *chunk;	/* the last chunk */
	struct scatterlist *prev;	/* the one before, NULL if none */
	struct scatterlist *first;
	struct scatterlist few[ANON_SGT_FEW];
};

/* As for the object's memory, but for where it may be */
static gfp_t anon_sgt_gfp(struct anon_object *obj)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;

	if (obj->objcg || !obj->owned)
		gfp |= __GFP_ACCOUNT;
	return gfp | (anon_object_gfp(obj) & ANON_OBJECT_EFFORT);
}

static struct scatterlist *anon_sgt_alloc_chunk(struct anon_pin_sgt *ps)
{
	struct mem_cgroup *memcg, *old;
	struct scatterlist *chunk;

	memcg = anon_object_enter_memcg(ps->obj, &old);
	chunk = (void *)__get_free_page(anon_sgt_gfp(ps->obj));
	anon_object_exit_memcg(memcg, old);
	if (!chunk)
		return NULL;
	/* sg_free_table() will tell it that this has gone */
	kmemleak_alloc(chunk, PAGE_SIZE, 1, GFP_KERNEL);
	sg_init_table(chunk, SG_MAX_SINGLE_ALLOC);
	return chunk;
}

static void anon_sgt_free_chunk(struct scatterlist *chunk)
{
	kmemleak_free(chunk);
	free_page((unsigned long)chunk);
}

/* Free the chunks of an unfinished table */
static void anon_sgt_free_chunks(struct anon_pin_sgt *ps)
{
	struct scatterlist *chunk = ps->first, *next;

	if (chunk == ps->few)
		return;
	while (chunk) {
		next = chunk == ps->chunk ? NULL :
		       sg_chain_ptr(&chunk[ANON_SGT_LINK]);
		anon_sgt_free_chunk(chunk);
		chunk = next;
	}
}

/* Off the stack */
static int anon_sgt_move(struct anon_pin_sgt *ps)
{
	struct scatterlist *chunk = anon_sgt_alloc_chunk(ps);

	if (!chunk)
		return -ENOMEM;
	memcpy(chunk, ps->few, ps->used * sizeof(*chunk));
	ps->sg = ps->used ? &chunk[ps->used - 1] : NULL;
	ps->first = chunk;
	ps->chunk = chunk;
	return 0;
}

static int anon_sgt_chain(struct anon_pin_sgt *ps)
{
	struct scatterlist *chunk;

	if (IS_ENABLED(CONFIG_ARCH_NO_SG_CHAIN))
		return -E2BIG;
	chunk = anon_sgt_alloc_chunk(ps);
	if (!chunk)
		return -ENOMEM;
	sg_chain(ps->chunk, SG_MAX_SINGLE_ALLOC, chunk);
	ps->prev = ps->chunk;
	ps->chunk = chunk;
	ps->used = 0;
	return 0;
}

/* A new entry at the end, in a chunk that is none of the stack's if it is full */
static int anon_sgt_next(struct anon_pin_sgt *ps)
{
	int err;

	if (ps->used == ANON_SGT_LINK) {
		err = anon_sgt_chain(ps);
		if (err)
			return err;
	}
	ps->sg = &ps->chunk[ps->used++];
	memset(ps->sg, 0, sizeof(*ps->sg));
	ps->nents++;
	return 0;
}

static int anon_pin_add_sgt(struct anon_pin *pin, struct page *page,
			    unsigned long nr)
{
	struct anon_pin_sgt *ps = container_of(pin, struct anon_pin_sgt, pin);
	unsigned long grow = 0;
	unsigned int max = ps->max_segment >> PAGE_SHIFT;
	unsigned int nents = ps->nents;
	struct scatterlist *sg;
	int err;

	if (ps->chunk == ps->few &&
	    DIV_ROUND_UP(nr, max) > ANON_SGT_FEW - ps->used) {
		err = anon_sgt_move(ps);
		if (err)
			return err;
	}

	sg = ps->sg;
	if (sg && anon_page_follows(page, sg_page(sg), sg->length >> PAGE_SHIFT))
		grow = min(nr, max - (sg->length >> PAGE_SHIFT));
	nr -= grow;
	page += grow;
	while (nr) {
		unsigned int part = min(nr, max);

		err = anon_sgt_next(ps);
		if (err) {
			/* What has been added of the run does not count */
			ps->nents = nents;
			return err;
		}
		sg_set_page(ps->sg, page, part << PAGE_SHIFT, 0);
		nr -= part;
		page += part;
	}
	if (grow)
		sg->length += grow << PAGE_SHIFT;
	return 0;
}

static struct scatterlist *anon_sgt_dup_chunk(struct anon_pin_sgt *ps)
{
	struct mem_cgroup *memcg, *old;
	struct scatterlist *dup;

	memcg = anon_object_enter_memcg(ps->obj, &old);
	dup = kmemdup_array(ps->chunk, ps->used, sizeof(*dup),
			    anon_sgt_gfp(ps->obj));
	anon_object_exit_memcg(memcg, old);
	return dup;
}

/* The last chunk has to be as long as what is in it */
static int anon_sgt_finish(struct anon_pin_sgt *ps, struct sg_table *sgt)
{
	struct scatterlist *last;

	if (ps->prev && ps->used == 1) {
		/* A link to a single entry is not a thing that tables have */
		ps->prev[ANON_SGT_LINK] = ps->chunk[0];
		anon_sgt_free_chunk(ps->chunk);
		last = ps->prev;
		ps->used = SG_MAX_SINGLE_ALLOC;
	} else {
		last = anon_sgt_dup_chunk(ps);
		if (!last)
			return -ENOMEM;
		if (ps->chunk != ps->few)
			anon_sgt_free_chunk(ps->chunk);
		if (ps->prev)
			sg_chain(ps->prev, SG_MAX_SINGLE_ALLOC, last);
		else
			ps->first = last;
	}
	sg_mark_end(&last[ps->used - 1]);
	sgt->sgl = ps->first;
	sgt->nents = ps->nents;
	sgt->orig_nents = ps->nents;
	return 0;
}

static void anon_unpin_sgl(struct anon_unpin *unpin, struct scatterlist *sgl,
			   unsigned int nents)
{
	struct scatterlist *sg = sgl;
	unsigned int i;

	/* What comes after the last entry of a table in the making is no entry */
	for (i = 0; i < nents; i++) {
		unsigned long nr, j;

		if (i)
			sg = sg_next(sg);
		nr = sg->length >> PAGE_SHIFT;
		for (j = unpin->skip; j < nr; )
			j += anon_unpin_folio(unpin, sg_page(sg) + j);
		unpin->skip = j - nr;
	}
}

/* Undo a pin of @nr_pages that has failed with a table in the making */
static void anon_abort_sgt(struct anon_object *obj, struct anon_pin_sgt *ps,
			   unsigned long nr_pages)
{
	struct anon_unpin unpin __uninitialized;

	if (!anon_unpin_all(obj, nr_pages, 0)) {
		anon_unpin_setup(&unpin, obj, 0);
		anon_unpin_sgl(&unpin, ps->first, ps->nents);
		anon_unpin_end(&unpin, nr_pages);
	}
	anon_sgt_free_chunks(ps);
}

static void anon_sgt_free(struct anon_object *obj, struct sg_table *sgt)
{
	if (obj->backend == &anon_pages_backend &&
	    sgt->sgl == &container_of(obj, struct anon_pages, obj)->entry)
		return;
	sg_free_table(sgt);
}

/**
 * anon_object_pin_sgt - pin a range to an sg_table
 * @obj: the object
 * @pos: where to begin, in bytes, a multiple of the page size
 * @len: bytes, a multiple of the page size
 * @max_segment: the longest segment that the device takes, in bytes; it is
 *	rounded down to a multiple of the page size. UINT_MAX: no limit
 * @sgt: gets the table, not mapped for DMA; anon_object_unpin_sgt() frees it
 *
 * What is next to each other in memory is merged into one segment, across
 * folios too.
 *
 * Context: May sleep, allocates; see "locking".
 * Return: 0, or, with nothing pinned and @sgt undefined,
 *
 * * -EINVAL: the range is misaligned, empty or not within the object, or
 *   @max_segment is below the page size
 * * -E2BIG: a table cannot hold so many segments
 * * -ENOMEM: no memory, or too few pages in the hugetlb pool; no memory of the
 *   object's zone to move it to
 * * -EIO: swap could not be read, or a page of the range is broken
 * * -EINTR: a fatal signal is pending, and not all of it was in memory
 */
int anon_object_pin_sgt(struct anon_object *obj, loff_t pos, size_t len,
			unsigned int max_segment, struct sg_table *sgt)
{
	unsigned long nr_pages = len >> PAGE_SHIFT;
	pgoff_t index = pos >> PAGE_SHIFT;
	struct anon_pin_sgt ps __uninitialized;
	int err;

	err = anon_object_check_range(obj, pos, len, PAGE_SIZE);
	if (err)
		return err;
	if (max_segment < PAGE_SIZE)
		return -EINVAL;
	if (nr_pages > INT_MAX)
		return -E2BIG;

	ps.pin.add = anon_pin_add_sgt;
	ps.pin.max_order = min(ilog2(max_segment >> PAGE_SHIFT),
			       MAX_PAGE_ORDER);
	ps.pin.sgt = sgt;
	ps.obj = obj;
	ps.max_segment = max_segment;
	ps.nents = 0;
	ps.used = 0;
	ps.sg = NULL;
	ps.chunk = ps.few;
	ps.prev = NULL;
	ps.first = ps.few;

	err = anon_pin(obj, index, index + nr_pages, &ps.pin);
	if (!err && ps.nents)
		err = anon_sgt_finish(&ps, sgt);
	if (err)
		anon_abort_sgt(obj, &ps, nr_pages);
	else
		anon_pin_done(obj, nr_pages);
	trace_anon_object_pin(obj, pos, len, err);
	return err;
}
EXPORT_SYMBOL_GPL(anon_object_pin_sgt);

/**
 * anon_object_unpin_sgt - undo anon_object_pin_sgt()
 * @obj: the object
 * @sgt: what it had returned, with any DMA mapping undone; it is freed
 * @flags: %ANON_OBJECT_DIRTY, %ANON_OBJECT_ACCESSED
 *
 * Context: May sleep, does not allocate.
 */
void anon_object_unpin_sgt(struct anon_object *obj, struct sg_table *sgt,
			   unsigned int flags)
{
	struct anon_unpin unpin __uninitialized;
	unsigned long nr_pages = 0;
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(sgt, sg, i)
		nr_pages += sg->length >> PAGE_SHIFT;
	if (!anon_unpin_all(obj, nr_pages, flags)) {
		anon_unpin_begin(&unpin, obj, nr_pages, flags);
		anon_unpin_sgl(&unpin, sgt->sgl, sgt->orig_nents);
		anon_unpin_end(&unpin, nr_pages);
	}
	anon_sgt_free(obj, sgt);
}
EXPORT_SYMBOL_GPL(anon_object_unpin_sgt);
