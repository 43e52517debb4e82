#!/usr/bin/env bash
# Installs the engines that test/engines talks to: from Debian, the Go module proxy and Maven, into a folder outside the checkout.
# What is there already is left alone, so a second run takes a second.
#
#   scripts/install-engines.sh [redis nats kafka etcd mosquitto haproxy network systemd]     default: all
set -uo pipefail

readonly FOLDER=${SLUICE_ENGINES_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice-engines}
readonly NATS_VERSION=v2.15.2 KAFKA_VERSION=4.4.0
mkdir -p "$FOLDER/bin"

debian() {
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}

# has PROGRAM: servers are in sbin, which a user's PATH may lack.
has() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" > /dev/null; }

install_redis() { has redis-server || debian redis-server; }
install_etcd() { has etcd || debian etcd-server; }
install_mosquitto() { has mosquitto && has mosquitto_pub || debian mosquitto mosquitto-clients; }
install_haproxy() { has haproxy || debian haproxy; }
install_systemd() { has systemd-socket-activate || debian systemd; }

# Namespaces, bridges, ARP, and what failover is compared with.
install_network() {
  has ip && has arping && has tcpdump && has keepalived || debian iproute2 iputils-arping iputils-ping tcpdump keepalived
}

# Debian's server is too old for consumer groups as they are today.
install_nats() {
  [ -x "$FOLDER/bin/nats-server" ] ||
    GOBIN="$FOLDER/bin" go install -trimpath -ldflags='-s -w' "github.com/nats-io/nats-server/v2@$NATS_VERSION"
}

install_kafka() {
  local home=$FOLDER/kafka-$KAFKA_VERSION
  [ -e "$home/libs/kafka_2.13-$KAFKA_VERSION.jar" ] && return
  mkdir -p "$home" && cat > "$home/pom.xml" << POM
<project><modelVersion>4.0.0</modelVersion><groupId>engines</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_VERSION</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency></dependencies></project>
POM
  mvn -q -B -f "$home/pom.xml" dependency:copy-dependencies -DoutputDirectory="$home/libs" -DincludeScope=runtime
}

failed=0
for engine in "${@:-redis etcd mosquitto haproxy systemd network nats kafka}"; do
  for name in $engine; do
    if "install_$name"; then echo "$name: ready"; else echo "$name: FAILED"; failed=1; fi
  done
done
exit "$failed"
