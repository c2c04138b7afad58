#!/usr/bin/env bash
# A date range that ends at a moment before 1970 leaves that very moment out: OpenSearch, where the ends are epoch_millis.
#
# Versions: OpenSearch 2.19.1 and 3.5.0, Elasticsearch 8.15.3 and 9.5.3 (server libraries; no server is started).
#
# Behaviour: `{"range": {"day": {"lte": -1, "format": "epoch_millis"}}}` is to find a document of that millisecond. The end
# of a range is parsed as "the last moment of what was written", for which 999,999 nanoseconds are put after the
# milliseconds. Of negative numbers they are taken away instead, so that the end is a millisecond too early: `lte` misses
# documents, `gt` finds those it is to leave out, and from 1970 on both are right. Elasticsearch mended it in 9.0
# (its pull request 118353); OpenSearch has it still. ISO 8601 text has no such fault. Collections of old things, whose
# dates all lie before 1970 and at midnight, meet it with each range that ends on a day that something is of.
#
# Seen: what `lte` compares with, in milliseconds, for the ends -86400000 (the last midnight of 1969), -1 and 86400000
#   opensearch 2.19.1:    -86400001  -2  86400000
#   opensearch 3.5.0:     -86400001  -2  86400000
#   elasticsearch 8.15.3: -86400001  -2  86400000
#   elasticsearch 9.5.3:  -86400000  -1  86400000
#   all four, for 1969-12-31T00:00:00.000Z: -86400000
set -euo pipefail

# Maven, and a JDK of 21 or newer.
for java in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} "$(command -v java)" /usr/lib/jvm/*/bin/java; do
    version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
    ((${version:-0} >= 21)) && break
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Prints what a field of dates takes the end of a range for.
ends() {
    local engine=$1 version=$2 folder=$work/$1-$2
    mkdir -p "$folder"
    cat >"$folder/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>finding</groupId><artifactId>finding</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>org.$engine</groupId><artifactId>$engine</artifactId><version>$version</version></dependency>
</dependencies></project>
POM
    mvn --quiet --batch-mode --file "$folder/pom.xml" dependency:copy-dependencies -DoutputDirectory="$folder/libs" >&2
    cat >"$folder/Ends.java" <<JAVA
import org.$engine.common.time.DateFormatter;
import org.$engine.index.mapper.DateFieldMapper.DateFieldType;

public class Ends {
    public static void main(String[] none) {
        var field = new DateFieldType("day");
        var millis = DateFormatter.forPattern("epoch_millis").toDateMathParser();
        for (String end : new String[] {"-86400000", "-1", "86400000"}) {
            System.out.print(field.parseToLong(end, true, null, millis, () -> 0L) + " ");
        }
        System.out.println(field.parseToLong("1969-12-31T00:00:00.000Z", true, null, null, () -> 0L));
    }
}
JAVA
    "$java" -cp "$folder/libs/*" "$folder/Ends.java" 2>/dev/null | tail -n 1
}

wrong="-86400001 -2 86400000 -86400000"
right="-86400000 -1 86400000 -86400000"
changed=0
check() {
    local seen
    seen=$(ends "$1" "$2")
    echo "$1 $2: $seen"
    [[ $seen == "$3" ]] || changed=1
}
check opensearch 2.19.1 "$wrong"
check opensearch 3.5.0 "$wrong"
check elasticsearch 8.15.3 "$wrong"
check elasticsearch 9.5.3 "$right"
if ((changed)); then
    echo "the behaviour has changed" >&2
    exit 1
fi
