import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import org.zeromq.ZMQ;

/**
 * One socket of JeroMQ at a time, for a test in Rust that says what it is to do.
 *
 * Each line of stdin is an order and its arguments; each is answered by one line on stdout: "ok" and what came of it, or
 * "error" and why. Frames are hexadecimal, and "-" is an empty one. The socket is made by "open", and goes with the next.
 */
public class Jeromq {
    private static final int DEADLINE_MS = 30_000;

    private final ZMQ.Context context = ZMQ.context(1);
    private ZMQ.Socket socket;

    public static void main(String[] arguments) throws Exception {
        Jeromq side = new Jeromq();
        System.out.println("ok JeroMQ " + ZMQ.getVersionString());
        BlockingQueue<String> orders = new LinkedBlockingQueue<>();
        Thread reader = new Thread(() -> {
            new BufferedReader(new InputStreamReader(System.in)).lines().forEach(orders::add);
            orders.add("end");
        });
        reader.start();
        while (true) {
            String order = orders.poll(1, TimeUnit.MILLISECONDS);
            if (order != null) {
                System.out.println(side.answer(order));
            } else if (side.socket != null) {
                // It does what there is to do while its program calls it: so between orders it is looked at.
                side.socket.getEvents();
            }
        }
    }

    private String answer(String order) {
        try {
            return ("ok " + obey(order.split(" "))).trim();
        } catch (Exception error) {
            return "error " + error;
        }
    }

    private String obey(String[] order) throws Exception {
        switch (order[0]) {
            case "open":
                open(order[1]);
                return "";
            case "name":
                socket.setIdentity(frame(order[1]));
                return "";
            case "bind":
                // It has no way to ask for any free port: from where others do not begin too.
                return "tcp://127.0.0.1:" + socket.bindToRandomPort("tcp://127.0.0.1", 10_000 + pid(), 60_000);
            case "connect":
                socket.connect(order[1]);
                return "";
            case "subscribe":
                socket.subscribe(frame(order[1]));
                return "";
            case "send":
                for (int at = 1; at < order.length; at++) {
                    int flags = at + 1 < order.length ? ZMQ.SNDMORE : 0;
                    if (!socket.send(frame(order[at]), flags)) {
                        throw new Exception("it was not sent");
                    }
                }
                return "";
            case "recv":
                return recv();
            case "end":
                // Whatever is left: nobody asks for it any more.
                System.exit(0);
                return "";
            default:
                throw new Exception("what is " + order[0] + "?");
        }
    }

    private void open(String kind) throws Exception {
        if (socket != null) {
            socket.close();
        }
        socket = context.socket(ZMQ.class.getField(kind).getInt(null));
        socket.setLinger(DEADLINE_MS);
        socket.setReceiveTimeOut(DEADLINE_MS);
        socket.setSendTimeOut(DEADLINE_MS);
    }

    private String recv() throws Exception {
        List<String> frames = new ArrayList<>();
        do {
            byte[] frame = socket.recv();
            if (frame == null) {
                throw new Exception("nothing came");
            }
            frames.add(text(frame));
        } while (socket.hasReceiveMore());
        return String.join(" ", frames);
    }

    private static int pid() {
        return (int) (ProcessHandle.current().pid() % 20_000);
    }

    private static byte[] frame(String digits) {
        byte[] frame = new byte[digits.replace("-", "").length() / 2];
        for (int at = 0; at < frame.length; at++) {
            frame[at] = (byte) Integer.parseInt(digits.substring(2 * at, 2 * at + 2), 16);
        }
        return frame;
    }

    private static String text(byte[] frame) {
        StringBuilder digits = new StringBuilder();
        for (byte each : frame) {
            digits.append(String.format("%02x", each));
        }
        return frame.length == 0 ? "-" : digits.toString();
    }
}
