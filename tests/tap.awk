# Count the results in a KTAP log.
#
#	awk -v prefix=NAME -v status=EXIT [-v depth=SPACES] [-v skips=FILE] \
#		-f tap.awk LOG
#
# Prints "ok NAME:CASE", "not ok NAME:CASE" and "skip NAME:CASE # REASON" for
# each case at that depth, and for each skip below it.  A skip is "not ok"
# unless FILE has a line for it: an extended regular expression that what is
# printed of it begins with, a tab, and why that is good.
#
# A log or a suite without a plan or with an empty one, with fewer cases than
# planned, or that has failed without a case that did, gets a "not ok" of its
# own.  What was said before tests/vm/boot had to start over does not count.

function result(text)
{
	results = results text "\n"
}

function bad(name)
{
	failed++
	result("not ok " prefix ":" name)
}

function skip(text,	i)
{
	text = prefix ":" text
	for (i = 1; i <= excuses; i++)
		if (text ~ "^(" excuse[i] ")") {
			result("skip " text)
			return
		}
	failed++
	result("not ok " text " (not in tests/skips)")
}

# What stands before the names of cases at a depth
function path(d,	s, text)
{
	for (s = depth; s <= d; s += 4)
		if (suite[s] != "")
			text = text suite[s] "."
	return text
}

# A suite, or a log without suites, has ended
function end_suite()
{
	if (seen < planned)
		bad(path(depth) "all-ran (" seen + 0 " of " planned " cases)")
	seen = planned = 0
}

BEGIN {
	while (skips != "" && (getline line < skips) > 0) {
		if (line ~ /^#/ || line == "")
			continue
		if (split(line, field, "\t") < 2 || field[2] == "")
			bad("skips (no reason for " field[1] ")")
		excuse[++excuses] = field[1]
	}
}

/^boot: starting over/ {
	results = ""
	for (s in suite)
		delete suite[s]
	plans = planned = seen = failed = suites = suites_seen = 0
	was_failed = skipped_below = 0
	next
}

{
	sub(/\r$/, "")
	match($0, /^ */)
	at = RLENGTH
	line = substr($0, at + 1)
}

line ~ /^1\.\.[0-9]+/ {
	sub(/^1\.\./, "", line)
	number = line + 0
	if (at == depth)
		plans++
	if (line ~ /# *SKIP/) {
		sub(/^[0-9]+ */, "", line)
		skip((at < depth ? "" : path(at)) "all " line)
	} else if (!number) {
		bad((at < depth ? "" : path(at)) "empty-plan")
	}
	if (at == depth)
		planned += number
	if (at == depth - 4)
		suites += number
}

line ~ /^# Subtest: / && at > 0 && at >= depth {
	if (at == depth) {
		end_suite()
		was_failed = failed
	}
	suite[at] = substr(line, 12)
	suite[at + 4] = ""
}

line ~ /^(not )?ok( |$)/ {
	how = line ~ /^not / ? "not ok" : "ok"
	sub(/^(not )?ok *[0-9]* *(- )?/, "", line)
	reason = ""
	if (match(line, / *# */)) {
		reason = substr(line, RSTART + RLENGTH)
		line = substr(line, 1, RSTART - 1)
	}
	skipped = toupper(reason) ~ /^(SKIP|XFAIL)/ && how == "ok"
	if (at == depth - 4) {
		# The cases have been counted, unless there were none
		suites_seen++
		if (skipped && !seen)
			skip(line " # " reason)
		end_suite()
		if (how == "not ok" && failed == was_failed)
			bad(line (reason == "" ? "" : " # " reason))
		was_failed = failed
		suite[depth] = suite[depth + 4] = ""
	} else if (at == depth) {
		seen++
		# Of a case without a parameter that ran, each has been counted
		if (skipped && !skipped_below)
			skip(path(at) line " # " reason)
		else if (how == "not ok")
			bad(path(at) line)
		else if (!skipped)
			result("ok " prefix ":" path(at) line)
		suite[at + 4] = ""
		skipped_below = 0
	} else if (at > depth && skipped) {
		skip(path(at) line " # " reason)
		skipped_below++
	}
}

END {
	if (!plans && !suites_seen)
		bad("no-plan")
	end_suite()
	if (suites_seen < suites)
		bad("all-ran (" suites_seen + 0 " of " suites " suites)")
	if (status != 0 && !failed)
		bad("exit-status (" status ")")
	printf "%s", results
}
