package rayboot;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;

/** The main program of a cell: `Launcher run CLASS` is the program by itself, `Launcher serve` answers a test file. */
public final class Launcher {
    private static final long STACK = 16 << 20;

    private Launcher() {}

    private interface Body {
        void run() throws Throwable;
    }

    public static void main(String[] arguments) throws Throwable {
        Body body = arguments[0].equals("run") ? () -> run(arguments[1]) : Runner::serve;
        Throwable[] thrown = {null};
        // A thread with room for deep recursion: with -Xss, every thread would take as much.
        Thread thread = new Thread(null, () -> {
            try {
                body.run();
            } catch (Throwable error) {
                thrown[0] = error;
            }
        }, "main", STACK);
        thread.start();
        thread.join();
        if (thrown[0] != null) {
            throw thrown[0];
        }
    }

    private static void run(String name) throws Throwable {
        Method main = Class.forName(name, false, ClassLoader.getSystemClassLoader()).getDeclaredMethod("main", String[].class);
        main.setAccessible(true);
        try {
            main.invoke(null, (Object) new String[0]);
        } catch (InvocationTargetException wrapped) {
            throw wrapped.getCause();
        }
    }
}
