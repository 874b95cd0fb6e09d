# Count the results in a KTAP log.
#
#	awk -v prefix=NAME -v status=EXIT [-v depth=SPACES] -f tap.awk LOG
#
# Prints "ok NAME:CASE", "not ok NAME:CASE" and "skip NAME:CASE" for each case
# at that depth.  A log without a plan, with fewer cases than planned, or of a
# program that failed without a case that did, gets a "not ok" of its own.
# What was said before tests/vm/boot had to start over does not count.

function result(text)
{
	results = results text "\n"
}

/^boot: starting over/ {
	results = suite = ""
	plans = planned = skipped_all = seen = failed = 0
	next
}

{
	sub(/\r$/, "")
	match($0, /^ */)
	if (RLENGTH != depth)
		next
	line = substr($0, RLENGTH + 1)
}

line ~ /^1\.\.[0-9]+/ {
	plans++
	sub(/^1\.\./, "", line)
	planned += line + 0
	if (line ~ /# *SKIP/)
		skipped_all = 1
}

line ~ /^# Subtest: / && depth > 0 {
	suite = substr(line, 12) "."
}

line ~ /^(not )?ok( |$)/ {
	seen++
	how = line ~ /^not / ? "not ok" : "ok"
	sub(/^(not )?ok *[0-9]* *(- )?/, "", line)
	reason = ""
	if (match(line, / *# */)) {
		reason = substr(line, RSTART + RLENGTH)
		line = substr(line, 1, RSTART - 1)
	}
	if (toupper(reason) ~ /^(SKIP|XFAIL)/ && how == "ok") {
		result("skip " prefix ":" suite line " # " reason)
		next
	}
	if (how == "not ok")
		failed++
	result(how " " prefix ":" suite line)
}

END {
	if (!plans && !skipped_all)
		result("not ok " prefix ":no-plan")
	else if (seen < planned)
		result("not ok " prefix ":all-ran (" seen + 0 " of " planned \
		       " cases)")
	else if (status != 0 && !failed)
		result("not ok " prefix ":exit-status (" status ")")
	printf "%s", results
}
