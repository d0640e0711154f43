using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Tests.Matrix;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary><c>!t</c>: the published thread to the digit, and threads of which the forge knows what they wait for.</summary>
public class ThreadCommandTests
{
    private static readonly string[] s_layouts =
        ["6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.19041", "10.0.22000"];

    /// <summary>The stack as the article "!Mex.p" prints it: number, Child-SP, Return, Call Site.</summary>
    private const string PublishedStack = """
        # Child-SP         Return           Call Site
        0 ffffd000215846b0 fffff801feaa5f1e nt!KiSwapContext+0x76
        1 ffffd000215847f0 fffff801feaa5999 nt!KiSwapThread+0x14e
        2 ffffd00021584890 fffff801feaa4f60 nt!KiCommitThreadWait+0x129
        3 ffffd00021584910 fffff96000180288 nt!KeWaitForMultipleObjects+0x3a0
        4 ffffd000215849c0 fffff9600017b361 win32k!xxxRealSleepThread+0x278
        5 ffffd00021584a80 fffff96000259bcf win32k!xxxSleepThread+0xc1
        6 ffffd00021584ad0 fffff801feb6bab3 win32k!NtUserWaitMessage+0x20
        7 ffffd00021584b00 00007ffd8399104a nt!KiSystemServiceCopyEnd+0x13
        8 00000000008ff358 00007ffd821a1527 USER32!NtUserWaitMessage+0xa
        9 00000000008ff360 00007ffd82356b7d SHELL32!CDesktopBrowser::_MessageLoop+0x112
        a 00000000008ff3f0 00007ff66ac08498 SHELL32!SHDesktopMessageLoop+0x3d
        b 00000000008ff420 00007ff66abe8c21 Explorer!wWinMain+0x5f4
        c 00000000008ff710 00007ffd81fa13d2 Explorer!CApplicationUsageTracker::OnPowerBroadcastMessage+0x334
        d 00000000008ff7e0 00007ffd846854e4 KERNEL32!BaseThreadInitThunk+0x22
        e 00000000008ff810 0000000000000000 ntdll!RtlUserThreadStart+0x34
        """;

    [Test]
    public void The_published_main_thread_is_shown_to_the_digit()
    {
        using ForgedFolder forged = new("explorer-desktop", "6.3.9600");
        using CommandSession session = forged.Open();

        string[] lines = ForgedFolder.Run(session, "!t ffffe00101344080").Split('\n');

        Assert.Multiple(() =>
        {
            Assert.That(RowAfter(lines, "Process "), Is.EqualTo(new[]
            {
                "explorer.exe", "(ffffe00100fda900)", "ffffe00101344080", "c8c.fe8", "00007ff66a12e000", "5s.641", "11s.984",
                "939044",
            }));
            Assert.That(RowAfter(lines, "Wait Reason ")[..3], Is.EqualTo(new[] { "WrUserRequest", "42s.937", "Waiting" }));
            Assert.That(RowAfter(lines, "Wait Reason "), Does.Contain("STA"));
            Assert.That(RowAfter(lines, "    Object ")[..3],
                Is.EqualTo(new[] { "ffffe001005352f0", "SynchronizationEvent", "0" }));
            Assert.That(RowAfter(lines, "    Current "), Is.EqualTo(new[] { "10", "8", "0", "0", "0", "5" }));
            Assert.That(Array.Find(lines, l => l.StartsWith("    Current ", StringComparison.Ordinal)),
                Is.EqualTo("    Current Base Decrement ForegroundBoost IO Page"));
            int stack = Array.FindIndex(lines, l => l.StartsWith("# Child-SP", StringComparison.Ordinal));
            string[] published = PublishedStack.Split('\n');
            Assert.That(lines[stack], Is.EqualTo(published[0]));
            Assert.That(lines[(stack + 2)..(stack + 1 + published.Length)], Is.EqualTo(published[1..]));
            Assert.That(lines, Has.All.Property("Length").LessThanOrEqualTo(120));
        });
    }

    [Test]
    public void Each_object_tells_what_it_is_who_has_it_and_who_else_waits([ValueSource(nameof(s_layouts))] string layout)
    {
        using ForgedFolder forged = new("wait-objects", layout);
        using CommandSession session = forged.Open();

        JsonElement thread = ForgedFolder.RunJson(session, "!t 2100");
        JsonElement[] objects = [.. thread.GetProperty("waitBlocks").EnumerateArray()];
        ulong owner = session.System.Threads.Single(t => t.Id == 0x2104).Address.Value;

        Assert.Multiple(() =>
        {
            Assert.That(objects.Select(o => o.GetProperty("type").GetString()), Is.EqualTo(new[]
                { "Mutant", "NotificationEvent", "Thread", "Process", "Semaphore", "NotificationTimer" }));
            Assert.That(objects.Select(o => o.GetProperty("name").GetString()), Is.EqualTo(new[]
                { "LedgerFile", "LedgerStop", null, null, "LedgerJobs", null }));
            Assert.That(objects.Select(o => o.GetProperty("otherWaiters").GetArrayLength()),
                Is.EqualTo(new[] { 3, 0, 0, 0, 0, 0 }));
            Assert.That(objects.Select(o => o.GetProperty("otherWaitersWhole").GetBoolean()), Is.All.True);
            Assert.That(objects.Select(o => o.GetProperty("signaled").GetBoolean()), Is.All.False);
            Assert.That(objects[0].GetProperty("owner").GetString(), Is.EqualTo($"0x{owner:x16}"));
            Assert.That(objects[0].GetProperty("info").GetString(), Is.EqualTo($"Owning Thread: {owner:x16} (ledger.exe c40)"));
            Assert.That(objects[1].GetProperty("info").GetString(), Is.EqualTo("not signaled, no owner recorded"));
            Assert.That(objects[2].GetProperty("info").GetString(), Does.EndWith("of ledger.exe c40: Waiting"));
            Assert.That(objects[3].GetProperty("info").GetString(), Is.EqualTo("end of export.exe c44: 2 threads"));
            Assert.That(objects[4].GetProperty("info").GetString(), Is.EqualTo("count 0 of 8, no owner recorded"));
            Assert.That(objects[5].GetProperty("dueIn").GetString(), Is.EqualTo("30s.000"));
            Assert.That(thread.GetProperty("waitsForAll").GetBoolean(), Is.False);
            JsonElement priority = thread.GetProperty("priority");
            Assert.That((priority.GetProperty("current").GetInt32(), priority.GetProperty("base").GetInt32(),
                priority.GetProperty("decrement").GetInt32()), Is.EqualTo((9, 8, 1)));
        });
    }

    [Test]
    public void Each_request_has_its_file_and_the_driver_that_has_it([ValueSource(nameof(s_layouts))] string layout)
    {
        using ForgedFolder forged = new("wait-objects", layout);
        using CommandSession session = forged.Open();

        string[] lines = ForgedFolder.Run(session, "!t -i 2100").Split('\n');
        int list = Array.IndexOf(lines, "Irp List: 2 requests");

        Assert.That(list, Is.Positive);
        Assert.That(Words(lines[list + 3])[1..3], Is.EqualTo(new[] { @"\ledger", @"\FileSystem\Npfs" }));
        Assert.That(Words(lines[list + 4])[1..3], Is.EqualTo(new[] { @"\Users\admin\Documents", @"\FileSystem\Ntfs" }));
        Assert.That(lines[list + 4], Does.Contain("DIRECTORY_CONTROL").And.EndsWith("device 2 of 2"));
        Assert.That(lines, Has.None.StartsWith("# Child-SP"));
        Assert.That(lines, Has.All.Property("Length").LessThanOrEqualTo(120));
    }

    [Test]
    public void A_wait_for_all_objects_says_so()
    {
        SystemBuilder system = ScenarioSet.Build("wait-objects", KernelLayout.BuiltIn("10.0.19041"));
        Thread(system, 0x2100).WaitsForAll();
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.RunJson(session, "!t 2100").GetProperty("waitsForAll").GetBoolean(), Is.True);
        Assert.That(ForgedFolder.Run(session, "!t 2100"), Does.Contain("WaitBlockList: all of 6 objects"));
    }

    [Test]
    public void A_time_out_is_told_apart_from_the_objects([Values("6.1.7601", "10.0.14393", "10.0.22000")] string layout)
    {
        SystemBuilder system = ScenarioSet.Build("small", KernelLayout.BuiltIn(layout));
        ThreadBuilder thread = system.Threads.First(t => t.WaitsInProgram());
        ulong timer = thread.Struct.At("Tcb.Timer");
        system.Objects.WriteDispatcher(timer, "TimerNotificationObject", 16, 0);
        system.Kernel.WriteUInt64(thread.Struct.At("Tcb.Timer.DueTime"),
            (ulong)(system.Options.Uptime + TimeSpan.FromSeconds(12.5)).Ticks);
        thread.Waiting("UserRequest", userMode: true, TimeSpan.FromSeconds(7.5), timer);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        JsonElement told = ForgedFolder.RunJson(session, $"!t {thread.Address:x}");

        Assert.That(told.GetProperty("waitBlocks").GetArrayLength(), Is.EqualTo(1));
        Assert.That(told.GetProperty("timeOut").GetProperty("timer").GetString(), Is.EqualTo($"0x{timer:x16}"));
        Assert.That(told.GetProperty("timeOut").GetProperty("dueIn").GetString(), Is.EqualTo("12s.500"));
        Assert.That(ForgedFolder.Run(session, $"!t {thread.Address:x}"),
            Does.Contain($"Time-out: in 12s.500, timer {timer:x16}"));
    }

    /// <summary>Timers count on while a machine sleeps or do not, by their kind: nobody knows from the number alone.</summary>
    [Test]
    public void Of_a_machine_that_has_slept_no_due_times_are_told()
    {
        const ulong InterruptTimeBias = 0xfffff780000003b0;
        using ForgedFolder forged = new("wait-objects");
        using CommandSession whole = forged.Open();
        OverlaidTarget target = new(whole.Windows.Target);
        target.Words[InterruptTimeBias] = (ulong)TimeSpan.FromHours(1).Ticks;
        using CommandSession session = new(target);

        JsonElement timer = ForgedFolder.RunJson(session, "!t 2100").GetProperty("waitBlocks")[5];

        Assert.That(timer.GetProperty("dueIn").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(timer.GetProperty("info").GetString(), Is.EqualTo("not signaled, due at an unknown time"));
    }

    [Test]
    public void A_torn_list_of_waiters_is_no_count()
    {
        using ForgedFolder forged = new("wait-objects");
        using CommandSession whole = forged.Open();
        ulong mutant = Address(ForgedFolder.RunJson(whole, "!t 2100").GetProperty("waitBlocks")[0].GetProperty("address"));
        OverlaidTarget target = new(whole.Windows.Target);
        // WaitListHead of a DISPATCHER_HEADER lies at +8 in every public layout: both links lead nowhere.
        target.Words[mutant + 8] = target.Words[mutant + 16] = 0xffffab0000000000;
        using CommandSession session = new(target);

        JsonElement torn = ForgedFolder.RunJson(session, "!t 2100").GetProperty("waitBlocks")[0];

        Assert.That(torn.GetProperty("otherWaitersWhole").GetBoolean(), Is.False);
        Assert.That(RowAfter(ForgedFolder.Run(session, "!t 2100").Split('\n'), "    Object ")[..3],
            Is.EqualTo(new[] { $"{mutant:x16}", "Mutant", "-" }));
    }

    [TestCase(0, false, "signaled, not owned, abandoned by an earlier owner")]
    [TestCase(-1, true, ", 2 times")]
    public void A_mutant_tells_recursion_and_abandonment(int signal, bool isOwned, string words)
    {
        SystemBuilder system = ScenarioSet.Build("small", KernelLayout.BuiltIn("10.0.19041"));
        ThreadBuilder waiter = system.Threads.First(t => t.WaitsInProgram());
        ThreadBuilder owner = system.Threads.First(t => t != waiter && !t.IsIdle && t.Processor is null);
        ulong mutant = isOwned ? system.Objects.Mutant(owner) : system.Objects.Mutant(null, null, isAbandoned: true);
        if (isOwned)
            system.Struct("_DISPATCHER_HEADER", mutant).Set("SignalState", unchecked((uint)signal));
        waiter.Waiting("UserRequest", userMode: true, TimeSpan.FromSeconds(7.5), mutant);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        JsonElement told = ForgedFolder.RunJson(session, $"!t {waiter.Address:x}").GetProperty("waitBlocks").EnumerateArray()
            .Single(o => Address(o.GetProperty("address")) == mutant);

        Assert.That(told.GetProperty("info").GetString(), Does.EndWith(words));
        Assert.That(told.GetProperty("owner").GetString(), Is.EqualTo(isOwned ? $"0x{owner.Address:x16}" : null));
    }

    /// <summary>What lies before an event inside a driver's or the kernel's own structure is no object's header.</summary>
    [Test]
    public void An_event_that_is_no_object_of_its_own_has_no_name()
    {
        SystemBuilder system = ScenarioSet.Build("small", KernelLayout.BuiltIn("10.0.14393"));
        ThreadBuilder waiter = system.Threads.First(t => t.WaitsInProgram());
        ulong named = system.Objects.Event(name: @"\BaseNamedObjects\Outer");
        const int Header = 0x50, TypeIndex = 0x38;
        ulong inner = system.Objects.Event(address: system.Pool.Take(Header + 0x20) + Header);
        // The same bytes as before the named event, but for the number of the type.
        byte[] before = system.Kernel.Read(named - Header, Header);
        before[TypeIndex] ^= 0x55;
        system.Kernel.Write(inner - Header, before);
        waiter.Waiting("UserRequest", userMode: true, TimeSpan.FromSeconds(7.5), inner, named);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        Dictionary<ulong, string?> names = ForgedFolder.RunJson(session, $"!t {waiter.Address:x}").GetProperty("waitBlocks")
            .EnumerateArray().ToDictionary(o => Address(o.GetProperty("address")), o => o.GetProperty("name").GetString());

        Assert.That((names[named], names[inner]), Is.EqualTo(("Outer", (string?)null)));
    }

    [Test]
    public void A_lock_that_no_wait_block_names_stands_with_its_owner_and_locks_that_are_held_with_their_waiters()
    {
        using ForgedFolder forged = new("eresource-cycle");
        using CommandSession session = forged.Open();
        JsonElement links = forged.Truth.GetProperty("chains")[0].GetProperty("links");
        string[] way = [.. links.EnumerateArray().Select(l => l.GetProperty("address").GetString()![2..])];
        int owner = Enumerable.Range(1, way.Length - 2).First(i => links[i].GetProperty("kind").GetString() == "thread"
            && links[i - 1].GetProperty("kind").GetString() == "lock" && links[i + 1].GetProperty("kind").GetString() == "lock");

        string text = ForgedFolder.Run(session, $"!t -w {way[owner]}");

        Assert.That(text, Does.Match($@"Waits for: (exclusive|shared) access to ERESOURCE {way[owner + 1]} +proven\n"
            + $@"    └─ owned exclusively by thread {way[owner + 2]} of \S+ \w+ +proven\n"));
        Assert.That(text, Does.Contain($"Holds: ERESOURCE {way[owner - 1]} (").And.Contain($"!owners {way[owner]}"));
        Assert.That(text, Does.Contain("not signaled; see below").And.Not.Contain("Priority:").And.Not.Contain("Child-SP"));
    }

    [Test]
    public void A_suspended_thread_and_one_that_is_being_ended_are_marked()
    {
        using ForgedFolder suspended = new("suspended-owner");
        using CommandSession first = suspended.Open();
        ThreadFacts held = first.System.Threads.First(t => t.WaitReason == "Suspended");
        Assert.That(ForgedFolder.Run(first, $"!t {held.Address.Value:x}"), Does.Contain("Warning: thread is suspended (1 time)"));

        using ForgedFolder ending = new("thread-end-stuck");
        using CommandSession second = ending.Open();
        ThreadFacts dying = second.System.Threads.First(t => t.IsEnding);
        Assert.That(ForgedFolder.Run(second, $"!t {dying.Address.Value:x}"),
            Does.Contain("Warning: thread is marked as terminated and has not ended"));
        ThreadFacts sound = second.System.Threads.First(t => t is { IsEnding: false, IsSuspended: false, HasExited: false });
        Assert.That(ForgedFolder.Run(second, $"!t {sound.Address.Value:x}"), Does.Not.Contain("Warning"));
    }

    [Test]
    public void A_thread_that_has_ended_is_marked_and_has_no_stack()
    {
        using ForgedFolder forged = new("mutant-orphan");
        using CommandSession session = forged.Open();
        ThreadFacts ended = session.System.Threads.First(t => t.HasExited);

        string text = ForgedFolder.Run(session, $"!t {ended.Address.Value:x}");

        Assert.That(text, Does.Contain("Warning: thread is marked as terminated; it ended at ")
            .And.Contain("No stack: the thread has ended").And.Not.Contain("WaitBlockList"));
    }

    [Test]
    public void A_running_thread_shows_its_processor_and_no_wait()
    {
        using CommandSession session = new(HangAnalysis.Targets.Dumps.KernelDumpTarget.Open(
            Path.Combine(SharedMaterial.RepositoryRoot, "samples", "logoff-hang", "memory.dmp")));

        string text = ForgedFolder.Run(session, "!t fffff8035d3d5940");

        // Figures of the published !running: processor 0, time in the kernel, context switches.
        Assert.That(text, Does.Contain("Running: on processor 0, in nt!PpmIdleGuestExecute+0x15"));
        Assert.That(RowAfter(text.Split('\n'), "Process "), Is.SupersetOf(new[] { "23h:56:06.250", "24448367" }));
        Assert.That(text, Does.Not.Contain("WaitBlockList").And.Not.Contain("Executive"));
    }

    [Test]
    public void Without_a_thread_it_is_the_hosts_current_one_or_that_of_processor_0()
    {
        using ForgedFolder forged = new("wait-objects");
        using CommandSession session = forged.Open();
        ulong wanted = session.System.Threads.Single(t => t.Id == 0x2100).Address.Value;

        Assert.That(ForgedFolder.RunJson(session, "!t").GetProperty("processors").GetProperty("on").GetInt32(), Is.Zero);
        session.Evaluator = text => text == "@$thread" ? wanted : null;
        Assert.That(Address(ForgedFolder.RunJson(session, "!t").GetProperty("address")), Is.EqualTo(wanted));
    }

    [Test]
    public void The_limit_of_frames_is_said_and_the_json_has_them_all()
    {
        using ForgedFolder forged = new("wait-objects");
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!t -l 2 2100");
        JsonElement frames = ForgedFolder.RunJson(session, "!t -l 2 2100").GetProperty("frames");

        Assert.That(text.Split('\n').Count(l => l.Contains("nt!Ki", StringComparison.Ordinal)), Is.EqualTo(2));
        Assert.That(text, Does.Contain($"… {frames.GetArrayLength() - 2} more of {frames.GetArrayLength()} frames"));
        Assert.That(Enumerable.Range(0, frames.GetArrayLength() - 1).Select(i => frames[i].GetProperty("return").GetString()),
            Is.EqualTo(frames.EnumerateArray().Skip(1).Select(f => f.GetProperty("address").GetString())));
        Assert.That(() => ForgedFolder.Run(session, "!t -l 0 2100"), Throws.TypeOf<CommandUsageException>());
        Assert.That(() => ForgedFolder.Run(session, "!t 2100 2104"), Throws.TypeOf<CommandUsageException>());
    }

    /// <summary>Where a cut stack's last frame returns to is not known: a zero would say that it begins there.</summary>
    [Test]
    public void The_last_frame_of_a_cut_stack_returns_to_nobody_knows_where()
    {
        using ForgedFolder forged = new("user-pages-absent");
        using CommandSession session = forged.Open();
        ThreadFacts thread = session.System.Threads.First(
            t => session.System.GetStack(t) is { EndNote: not null, Frames.Count: > 0 });

        JsonElement told = ForgedFolder.RunJson(session, $"!t {thread.Address.Value:x}");

        Assert.That(told.GetProperty("stackEnd").GetString(), Is.Not.Empty);
        Assert.That(told.GetProperty("frames").EnumerateArray().Last().GetProperty("return").ValueKind,
            Is.EqualTo(JsonValueKind.Null));
    }

    private static ThreadBuilder Thread(SystemBuilder system, uint tid) => system.Threads.Single(t => t.Tid == tid);

    private static ulong Address(JsonElement text) => Convert.ToUInt64(text.GetString(), 16);

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The words of the first row of the table whose heading begins so.</summary>
    private static string[] RowAfter(string[] lines, string heading) =>
        Words(lines[Array.FindIndex(lines, l => l.StartsWith(heading, StringComparison.Ordinal)) + 2]);
}

/// <summary>Threads of a forged system that a test may change.</summary>
internal static class ForgedThreads
{
    /// <summary>Whether a thread of a program waits, so that it may wait for something more.</summary>
    public static bool WaitsInProgram(this ThreadBuilder thread) =>
        thread is { IsIdle: false, Processor: null, ReadyProcessor: null, IsTerminated: false } && !thread.Process.IsSystem
        && thread.Frames is { User.Length: > 0 };
}
