package rayboot;

import java.io.IOException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * `CompileServer LIBRARY MODULES` answers requests. Request {"program": text, "test": text or null, "subject": text or null};
 * answer {"program": {file: base64}, "main": class, "judge": a request for Judge.java, or null}, {"errors": text} or
 * {"unsupported": text}.
 */
public final class CompileServer {
    private static final long STACK = 32 << 20;

    private CompileServer() {}

    public static void main(String[] arguments) {
        // javac goes as deep as a program is nested
        new Thread(null, () -> {
            try {
                serve(new Compiler(arguments[0], arguments[1]));
            } catch (IOException error) {
                error.printStackTrace();
                System.exit(1);
            }
        }, "main", STACK).start();
    }

    private static void serve(Compiler compiler) throws IOException {
        Channel channel = new Channel();
        while (true) {
            Map<?, ?> request = (Map<?, ?>) channel.receive();
            Compiler.Result result = compile(compiler, (String) request.get("program"), (String) request.get("test"),
                    (String) request.get("subject"));
            channel.send(answer(result));
        }
    }

    private static Map<String, ?> answer(Compiler.Result result) {
        if (!result.errors().isEmpty()) {
            return Map.of("errors", result.errors());
        }
        if (result.unsupported() != null) {
            return Map.of("unsupported", result.unsupported());
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        Map<String, Object> files = new LinkedHashMap<>();
        encoded(result.program()).forEach((name, data) -> files.put("classes/" + name.replace('.', '/') + ".class", data));
        answer.put("program", files);
        answer.put("main", result.main());
        answer.put("judge", result.test().isEmpty() ? null
                : Map.of("main", result.main(), "classes", encoded(result.test()), "stubs", result.stubs(), "named", result.named()));
        return answer;
    }

    private static Map<String, Object> encoded(Map<String, byte[]> classes) {
        Map<String, Object> encoded = new LinkedHashMap<>();
        classes.forEach((name, bytes) -> encoded.put(name, Base64.getEncoder().encodeToString(bytes)));
        return encoded;
    }

    /** A program may be too much for the compiler: nested too deep, too large. The server stays. */
    private static Compiler.Result compile(Compiler compiler, String program, String test, String subject)
            throws IOException {
        try {
            return compiler.compile(program, test, subject);
        } catch (StackOverflowError | OutOfMemoryError | RuntimeException error) {
            return Compiler.Result.wrong("error: the compiler gave up: " + error + "\n");
        }
    }
}
