using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>32-bit systems from XP to Windows 10: stacks, addresses and messages are those true by construction.</summary>
[Parallelizable(ParallelScope.Children)]
public class X86Tests
{
    [TestCase("idle", "x86:6.1.7601")]
    [TestCase("idle", "x86:10.0.19041")]
    [TestCase("idle", "6.0.6002")]
    [TestCase("idle", "5.2.3790")]
    [TestCase("loader-lock", "5.2.3790")]
    [TestCase("idle", "5.1.2600")]
    public void Every_waiting_threads_stack_is_the_one_that_was_written(string scenario, string layout)
    {
        int whole = ForgedStacks.AssertEqual(scenario, layout);

        Assert.That(whole, Is.GreaterThan(scenario == "idle" ? 100 : 1));
    }

    /// <summary>Page tables of two levels: kernels that were started without PAE.</summary>
    [TestCase("mutant-deadlock", "5.1.2600")]
    [TestCase("critsec-deadlock", "5.2.3790")]
    [TestCase("pool-exhausted", "5.2.3790")]
    [TestCase("alpc-received", "6.0.6002")]
    [TestCase("eresource-filter", "x86:6.1.7601")]
    [TestCase("process-end-stuck", "x86:6.1.7601")]
    public void Without_PAE_the_verdict_is_the_same(string scenario, string layout)
    {
        using ForgedFolder forged = new(scenario, KernelLayout.BuiltIn(layout).WithoutPae());
        using CommandSession session = forged.Open();

        VerdictMatrixTests.AssertTruth(ForgedFolder.RunJson(session, "!hangwhy"), forged.Truth);
    }

    [Test]
    public void Addresses_have_eight_digits_and_may_be_typed_with_their_sign_extended()
    {
        using ForgedFolder forged = new("mutant-deadlock", KernelLayout.BuiltIn("5.2.3790"));
        using CommandSession session = forged.Open();
        ulong thread = session.System.Threads.First(t => t.Process.Name == "ledger.exe").Address.Value;

        string text = ForgedFolder.Run(session, $"!t ffffffff{thread:x8}");

        Assert.That(text, Does.Contain($"{thread:x8}"));
        Assert.That(text, Does.Not.Contain($"00000000{thread:x8}").And.Not.Match("(?<!0x)ffffffff8"));
        // The debugger's own command takes a number with 0x as it stands.
        Assert.That(text, Does.Contain($".thread /p /r 0xffffffff{thread:x8}; k"));
    }

    [Test]
    public void An_LPC_client_waits_for_the_thread_that_took_its_message_and_else_for_the_port()
    {
        SystemBuilder builder = ScenarioSet.Build("idle", KernelLayout.BuiltIn("5.2.3790"));
        ProcessBuilder client = builder.Processes.First(p => p.Name == "winlogon.exe");
        ProcessBuilder server = builder.Processes.First(p => p.Name == "lsass.exe");
        KernelStruct port = builder.Objects.New("_LPCP_PORT_OBJECT", "ALPC Port", @"\LsaAuthenticationPort");
        port.Set("ConnectionPort", port.Address).Set("ServerProcess", server.Address).EmptyLists("MsgQueue.ReceiveHead");
        KernelStruct own = builder.Objects.New("_LPCP_PORT_OBJECT", "ALPC Port");
        own.Set("ConnectionPort", port.Address);
        ThreadBuilder received = Client(0x2220, 0x4711), queued = Client(0x2224, 0x4712);
        ThreadBuilder worker = server.AddThread(0x2228).Stack(Waiting("nt!NtWaitForSingleObject"))
            .Waiting("UserRequest", userMode: false, TimeSpan.FromSeconds(90), builder.Objects.Mutant(received));
        // The number lies in a union with ETHREAD.Win32StartAddress; the flag tells which of the two it is.
        worker.Start(0x4711).Struct.Set("LpcReceivedMsgIdValid", 1);
        Assert.That(worker.Struct.At("LpcReceivedMessageId"), Is.EqualTo(worker.Struct.At("Win32StartAddress")));
        KernelStruct message = builder.NewStruct("_LPCP_MESSAGE");
        message.Set("Request.MessageId", 0x4712);
        ulong head = port.At("MsgQueue.ReceiveHead"), entry = message.At("Entry");
        port.Set("MsgQueue.ReceiveHead.Flink", entry).Set("MsgQueue.ReceiveHead.Blink", entry);
        message.Set("Entry.Flink", head).Set("Entry.Blink", head);
        using ForgedFolder forged = new(builder);
        using CommandSession session = forged.Open();

        WaitEdge taken = session.System.Edges.Single(e => e.From.Address == received.Address && e.From.Kind == ObjectKind.Thread);
        WaitEdge waiting = session.System.Edges.Single(e => e.From.Address == queued.Address && e.From.Kind == ObjectKind.Thread);
        WaitEdge owed = session.System.Edges.Single(e => e.From == waiting.To);

        Assert.Multiple(() =>
        {
            Assert.That(taken.To, Is.EqualTo(ObjectReference.To(new ThreadAddress(worker.Address))));
            Assert.That(taken.Certainty, Is.EqualTo(Certainty.Proven));
            Assert.That(taken.What.ToString(), Does.StartWith("reply to LPC message 4711 at port LsaAuthenticationPort, received by"));
            Assert.That(waiting.To, Is.EqualTo(new ObjectReference(ObjectKind.Message, message.Address)));
            Assert.That(waiting.Certainty, Is.EqualTo(Certainty.Proven));
            Assert.That(owed.To, Is.EqualTo(ObjectReference.To(new ProcessAddress(server.Address))));
            Assert.That(owed.What.ToString(), Does.EndWith("no thread has received it"));
        });

        ThreadBuilder Client(uint tid, uint number)
        {
            ThreadBuilder thread = client.AddThread(tid).Stack(Waiting("nt!NtRequestWaitReplyPort"));
            thread.Waiting("WrLpcReply", userMode: true, TimeSpan.FromSeconds(100), thread.Struct.At("LpcReplySemaphore"));
            thread.Struct.Set("LpcReplyMessageId", number).Set("LpcWaitingOnPort", own.Address | 1);
            builder.Objects.WriteDispatcher(thread.Struct.At("LpcReplySemaphore"), "SemaphoreObject", 5, 0);
            return thread;
        }

        static string Waiting(string service) => $"""
            nt!KiSwapContext+0x76
            nt!KiSwapThread+0x17d
            nt!KeWaitForSingleObject+0x1b8
            {service}+0xcb
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtClose+0x14
            """;
    }
}
