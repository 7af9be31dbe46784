package rayboot;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The main program of a cell: `Launcher run` is the program by itself, `Launcher test` is the program under its test file.
 *
 * The file classes.txt names the main class, then the other classes of the test file.
 */
public final class Launcher {
    private static final long STACK = 16 << 20;

    private Launcher() {}

    public static void main(String[] arguments) throws Throwable {
        boolean test = arguments[0].equals("test");
        byte[] secret = test ? readLine() : null;
        PrintStream out = System.out;
        PrintStream err = System.err;
        Run run = new Run(load());
        run.await();
        if (run.thrown != null && !test) {
            throw run.thrown;
        }
        if (run.thrown != null) {
            err.print("Exception in thread \"main\" ");
            run.thrown.printStackTrace(err);
        }
        if (test) {
            out.flush();
            err.flush();
            finish(run.returned ? secret : new byte[0], run.returned ? 0 : 1);
        }
    }

    /** A call of a main method, in a thread with room for deep recursion: with -Xss, every thread would take as much. */
    private static final class Run implements Runnable {
        private final Method main;
        private Throwable thrown;
        /** Not the same as nothing thrown: the program may stop this thread as often as it likes. */
        private boolean returned;

        Run(Method main) {
            this.main = main;
        }

        void await() throws InterruptedException {
            Thread thread = new Thread(null, this, "main", STACK);
            thread.start();
            thread.join();
        }

        @Override
        public void run() {
            try {
                main.invoke(null, (Object) new String[0]);
                returned = true;
            } catch (InvocationTargetException wrapped) {
                thrown = wrapped.getCause();
            } catch (Throwable own) {
                thrown = own;
            }
        }
    }

    /** All classes of the test file, before the program could define others under their names. */
    private static Method load() throws IOException, ReflectiveOperationException {
        List<String> names = Files.readAllLines(Path.of("classes.txt"));
        ClassLoader loader = ClassLoader.getSystemClassLoader();
        for (String name : names) {
            Class.forName(name, false, loader);
        }
        Method main = Class.forName(names.get(0), false, loader).getDeclaredMethod("main", String[].class);
        main.setAccessible(true);
        return main;
    }

    /** Byte for byte: the buffer of System.in would keep a copy. */
    private static byte[] readLine() throws IOException {
        FileInputStream in = new FileInputStream(FileDescriptor.in);
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c >= 0 && c != '\n'; c = in.read()) {
            line.append((char) c);
        }
        if (line.isEmpty()) {
            throw new IOException("the launcher has run before");
        }
        return ("\n" + line + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** Not by System.err, which the program may have replaced; and its other threads get no time. */
    private static void finish(byte[] secret, int status) throws IOException {
        new FileOutputStream(FileDescriptor.err).write(secret);
        Runtime.getRuntime().halt(status);
    }
}
