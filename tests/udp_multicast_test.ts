/** Groups on the loopback interface, which every machine has. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { RingportError } from "../src/mod.ts";
import { type UdpSocket, udpSocket } from "../src/udp.ts";
import { delay, errorOf, until } from "./helpers/wait.ts";

const loopback = "127.0.0.1";
/** Of the block for tests and documentation: RFC 6676. */
const group = "233.252.0.7";
const sourceGroup = "232.1.2.3";

/** Whether this machine lets a datagram of a group come back over loopback. */
async function hasMulticast(): Promise<boolean> {
  let came = false;
  await using receiver = await udpSocket({
    hostname: "0.0.0.0",
    reuseAddress: true,
    socket: { data: () => void (came = true) },
  });
  try {
    receiver.addMembership(group, loopback);
    receiver.setMulticastInterface(loopback);
    receiver.send("?", receiver.port, group);
  } catch {
    return false;
  }
  for (let count = 0; count < 400 && !came; count++) await delay(5);
  return came;
}

const ignore = await hasMulticast() ? false : "this machine sends no multicast over loopback";

describe("multicast", () => {
  it("reaches each member of a group, and no more after it left", { ignore }, async () => {
    const counts = [0, 0];
    const members: UdpSocket[] = [];
    for (const index of [0, 1]) {
      const member: UdpSocket = await udpSocket({
        hostname: "0.0.0.0",
        port: index === 0 ? 0 : members[0].port,
        reuseAddress: true,
        socket: { data: () => void counts[index]++ },
      });
      member.addMembership(group, loopback);
      members.push(member);
    }
    await using sender = await udpSocket({
      hostname: loopback,
      multicastInterface: loopback,
      multicastTTL: 0,
    });
    sender.send("to all", members[0].port, group);
    await until(() => counts[0] === 1 && counts[1] === 1, `both got it: ${counts}`);
    members[1].dropMembership(group, loopback);
    const error = await errorOf(() => members[1].dropMembership(group, loopback));
    expect(error).toBeInstanceOf(RingportError);
    // Wine answers as to any bad argument.
    expect(["EADDRNOTAVAIL", "ERR_INVALID_ARGUMENT"]).toContain((error as RingportError).code);
    expect((error as RingportError).operation).toBe("dropMembership");
    for (const member of members) await member[Symbol.asyncDispose]();
  });

  it("comes back to a member that sent it itself", { ignore }, async () => {
    let count = 0;
    await using receiver = await udpSocket({
      hostname: "0.0.0.0",
      reuseAddress: true,
      socket: { data: () => void count++ },
    });
    receiver.addMembership(group, loopback);
    receiver.setMulticastInterface(loopback);
    receiver.setMulticastLoopback(true);
    receiver.send("1", receiver.port, group);
    await until(() => count === 1, "it came back");
  });

  it("of one source is joined and left", async () => {
    await using socket = await udpSocket({ hostname: "0.0.0.0" });
    const join = () => socket.addSourceSpecificMembership(loopback, sourceGroup, loopback);
    try {
      join();
    } catch (error) {
      // Wine 10 has no source-specific groups.
      expect(["ENOTSUP", "ERR_INVALID_ARGUMENT"]).toContain((error as RingportError).code);
      return;
    }
    socket.dropSourceSpecificMembership(loopback, sourceGroup, loopback);
    const error = await errorOf(() => socket.dropSourceSpecificMembership(loopback, sourceGroup, loopback));
    expect(error).toBeInstanceOf(RingportError);
  });

  it("of IPv6 is joined and left at an interface", async () => {
    await using socket = await udpSocket({ hostname: "::", ipv6Only: true });
    socket.setMulticastInterface("::%1");
    socket.addMembership("ff02::114", "::%1");
    socket.dropMembership("ff02::114", "::%1");
  });
});

describe("broadcast", () => {
  it("is refused by the system until it was allowed", async () => {
    const errors: RingportError[] = [];
    await using socket = await udpSocket({
      hostname: "0.0.0.0",
      socket: { error: (_, error) => void errors.push(error as RingportError) },
    });
    socket.send("?", socket.port, "255.255.255.255");
    await until(() => errors.length === 1, "it was refused");
    expect(errors[0].code).toBe("EACCES");
    socket.setBroadcast(true);
    socket.send("?", socket.port, "127.255.255.255");
    await delay(20);
    expect(errors.length).toBe(1);
  });
});
