package rayboot;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Messages to and from the supervisor: 4 bytes (length, big-endian), then JSON. Its socket is standard input, both ways. */
final class Channel {
    private final DataInputStream in = new DataInputStream(new BufferedInputStream(new FileInputStream(FileDescriptor.in)));
    private final FileOutputStream out = new FileOutputStream(FileDescriptor.in);

    /** The next message. The process ends when there will be none. */
    Object receive() throws IOException {
        try {
            return Json.read(new String(in.readNBytes(in.readInt()), StandardCharsets.US_ASCII));
        } catch (EOFException end) {
            Runtime.getRuntime().halt(0);
            throw end;
        }
    }

    void send(Object message) throws IOException {
        byte[] body = Json.write(message).getBytes(StandardCharsets.US_ASCII);
        out.write(ByteBuffer.allocate(4 + body.length).putInt(body.length).put(body).array());
    }
}
