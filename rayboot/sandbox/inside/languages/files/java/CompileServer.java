package rayboot;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * `CompileServer LIBRARY MODULES` answers requests on standard input until it ends: a frame is 4 bytes (big-endian length)
 * and JSON in UTF-8. Request {"program": text, "test": text or null, "subject": text or null}; answer {"files": {name:
 * base64}} or {"errors": text}.
 *
 * `CompileServer LIBRARY MODULES once SUBJECT` compiles Program.java, with Main.java where there is one, in the working
 * directory, and writes the files there.
 */
public final class CompileServer {
    private static final long STACK = 32 << 20;

    private CompileServer() {}

    public static void main(String[] arguments) throws Exception {
        int[] status = {1};
        Runnable body = () -> {
            try {
                status[0] = work(arguments);
            } catch (IOException error) {
                error.printStackTrace();
            }
        };
        Thread thread = new Thread(null, body, "main", STACK); // javac goes as deep as a program is nested
        thread.start();
        thread.join();
        System.exit(status[0]);
    }

    private static int work(String[] arguments) throws IOException {
        Compiler compiler = new Compiler(arguments[0], arguments[1]);
        if (arguments.length > 2) {
            return once(compiler, arguments[3]) ? 0 : 1;
        }
        serve(compiler);
        return 0;
    }

    private static void serve(Compiler compiler) throws IOException {
        DataInputStream in = new DataInputStream(new FileInputStream(FileDescriptor.in));
        DataOutputStream out = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
        while (true) {
            int length;
            try {
                length = in.readInt();
            } catch (EOFException end) {
                return;
            }
            Map<String, String> request = Json.read(new String(in.readNBytes(length), StandardCharsets.UTF_8));
            byte[] answer = Json.write(answer(compiler, request)).getBytes(StandardCharsets.UTF_8);
            out.write(frame(answer));
            out.flush();
        }
    }

    private static byte[] frame(byte[] body) {
        return java.nio.ByteBuffer.allocate(4 + body.length).putInt(body.length).put(body).array();
    }

    private static Map<String, ?> answer(Compiler compiler, Map<String, String> request) throws IOException {
        Compiler.Result result = compile(compiler, request.get("program"), request.get("test"), request.get("subject"));
        if (!result.errors().isEmpty()) {
            return Map.of("errors", result.errors());
        }
        Map<String, String> files = new LinkedHashMap<>();
        result.files().forEach((name, bytes) -> files.put(name, Base64.getEncoder().encodeToString(bytes)));
        return Map.of("files", files);
    }

    private static boolean once(Compiler compiler, String subject) throws IOException {
        Path test = Path.of("Main.java");
        String program = Files.readString(Path.of("Program.java"));
        Compiler.Result result = compile(compiler, program, Files.exists(test) ? Files.readString(test) : null, subject);
        System.err.print(result.errors());
        for (Map.Entry<String, byte[]> file : result.files().entrySet()) {
            Path path = Path.of(file.getKey());
            Files.createDirectories(path.toAbsolutePath().getParent());
            Files.write(path, file.getValue());
        }
        return result.errors().isEmpty();
    }

    /** A program may be too much for the compiler: nested too deep, too large. The server stays. */
    private static Compiler.Result compile(Compiler compiler, String program, String test, String subject)
            throws IOException {
        try {
            return compiler.compile(program, test, subject);
        } catch (StackOverflowError | OutOfMemoryError | RuntimeException error) {
            return new Compiler.Result(Map.of(), "error: the compiler gave up: " + error + "\n");
        }
    }
}
