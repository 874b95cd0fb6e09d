# SPDX-License-Identifier: GPL-2.0
#
## make run       build the kernel with the overlay, boot it, watch it work
## make test      what a change has to pass: each test on at least one kernel
## make test-full every test on every kernel; with T=WORD, either of the two
##                runs those of all of these that have WORD in their name
## make soak      objects used in every way at once, on the debug kernel, with a
##                model of what is in them; SECONDS=600 SEED=n CONFIG=debug
## make test-kcsan  data races, in KUnit, the guest programs and the soak, on a
##                kernel that looks for them
## make coverage  which lines and branches of ours the tests come through
## make docs      the manual as HTML, in build/docs, with the kernel's own Sphinx
##                build; a warning about a page or a file of ours is an error
## make bench     stock against ported in guest instructions, with two configs;
##                BENCH=PATTERN picks cases, CONFIG=bench or distro one of them
## make bench-native   the same in nanoseconds, where there is real KVM
## make series    the overlay as a series of mails in build/series/, or with
##                SUBSYSTEM=mm, drm, ... what that part's lists get
## make series-check   apply them one by one, compile, boot and test each; FROM=n
##                TO=n picks some
## make backport-check   which hunks another kernel, in KERNEL_SRC=DIR, refuses
## make deb       Debian packages of the kernel: with the running one's config and
##                the modules that are loaded, or CONFIG=debian-amd64, whole or
##                with the modules in LSMOD=FILE
## make check     checkpatch, of the series too, sparse, W=1, kernel-doc, spelling,
##                coccinelle and shellcheck, and what is compiled with Debian's
##                config
## make shell     a shell in a guest with the ported kernel
## make apply     lay new files and patches onto build/linux
## make refresh   write new files and patches back from build/linux
## make clean     remove build/; downloads and compiler cache stay
##
## KERNEL_SRC=DIR takes Linux 7.3 from a git tree or an unpacked tarball there,
## BUILD=DIR builds elsewhere, FORCE=1 lets apply, refresh and clean discard
## edits.
#
# Nothing is built by make itself: each target calls its script, and the
# kernel's own build decides what is out of date.

MAKEFLAGS += --no-print-directory
export KERNEL_SRC BUILD FORCE T BENCH SECONDS SEED CONFIG LSMOD

help:
	@sed -n 's/^## \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

deps:
	@scripts/deps

apply: deps
	@scripts/apply

refresh:
	@scripts/refresh

ported: apply
	@scripts/build ported base

run: ported
	@tests/demo/run

shell: ported
	@tests/vm/boot

check: apply
	@scripts/deps check
	@scripts/check
	@scripts/check-debian wide

test: apply
	@tests/run $(T)

test-full: apply
	@tests/run --full $(T)

soak: apply
	@tests/soak/run

test-kcsan: apply
	@tests/kcsan/run

coverage: apply
	@scripts/deps coverage
	@tests/coverage/run $(T)

docs: apply
	@scripts/docs

bench: apply
	@tests/bench/run

bench-native: apply
	@tests/bench/run --native

series: apply
	@scripts/series $(SUBSYSTEM)

series-check: apply
	@scripts/series-check $(or $(FROM),1) $(TO)

backport-check:
	@scripts/backport-check

deb: apply
	@scripts/deps deb
	@scripts/deb

clean:
	@scripts/clean

.PHONY: help deps apply refresh ported run shell check test test-full soak \
	test-kcsan coverage docs bench bench-native series series-check \
	backport-check deb clean
