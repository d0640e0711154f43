using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Stops that others have met and published, as small dumps.</summary>
internal static class KnownIssueScenarios
{
    private const int ExceptionRecordSize = 0x98, ContextSize = 0x4d0, RdiInContext = 0xb0, EdiInContext = 0x9c;

    /// <summary>
    /// The file server's SMB1 worker overruns a list of extended attributes (0x1000007E): the frames are those of a published
    /// article on a server that was attacked.
    /// </summary>
    public static SystemBuilder Smb1Attack(KernelLayout layout)
    {
        const ulong BadAddress = 0xfffff8a0_1a2b4000;
        ulong[] parameters = [0xffffffffc0000005, 0, 0, 0];
        Setup setup = Setup.Create(layout, "smb1-attack", new SystemOptions(layout)
        {
            IsMinimal = true,
            BugCheckCode = 0x1000007e,
            BugCheckParameters = parameters,
        });
        SystemBuilder system = setup.System;
        ForgedModule server = system.Modules.AddDriver("srv.sys");
        ThreadBuilder thread = setup.Population.System.AddThread(0x1a4).Stack("""
            nt!KeBugCheckEx+0x20
            nt!PspSystemThreadStartup$filt$0+0x44
            nt!_C_specific_handler+0xa0
            nt!RtlpExecuteHandlerForException+0xd
            nt!RtlDispatchException+0x404
            nt!KiDispatchException+0x1cd
            nt!KiExceptionDispatch+0xc2
            nt!KiPageFault+0x3fa
            srv!SrvOs2FeaToNt+0x48
            srv!SrvOs2FeaListToNt+0x125
            srv!SrvSmbOpen2+0xc3
            srv!ExecuteTransaction+0x2ca
            srv!SrvSmbTransactionSecondary+0x40b
            srv!SrvProcessSmb+0x237
            srv!SrvRestartReceive+0x114
            srv!WorkerThread+0x148
            nt!PspSystemThreadStartup+0x41
            nt!KiStartSystemThread+0x16
            """).RunsOn(0).Priority(12);
        ulong instruction = server.Function("SrvOs2FeaToNt") + 0x48;
        ulong record = system.Pool.Take(ExceptionRecordSize), context = system.Pool.Take(ContextSize);
        (parameters[1], parameters[2], parameters[3]) = (instruction, record, context);
        const uint AccessViolation = 0xc0000005;
        system.Struct("_EXCEPTION_RECORD", record).Set("ExceptionCode", AccessViolation)
            .Set("ExceptionAddress", instruction).Set("NumberParameters", 2)
            .Set("ExceptionInformation[0]", 1).Set("ExceptionInformation[1]", BadAddress);
        system.Crash = new CrashState(thread, AccessViolation, instruction, [1, BadAddress]);
        system.ContextRecords.Add((context, thread, 8));
        // mov byte ptr [rdi],al: the copy that runs over the end.
        server.Code[(uint)(instruction - server.Base)] = [0x88, 0x07];
        bool isX86 = layout.PointerSize == sizeof(uint);
        ulong place = context + (ulong)(isX86 ? EdiInContext : RdiInContext);
        ulong written = isX86 ? BadAddress & uint.MaxValue : BadAddress;
        system.Finishing.Add(() => system.Kernel.WritePointer(place, written));
        system.TriageMemory.Add((record, ExceptionRecordSize));
        system.TriageMemory.Add((context, ContextSize));
        system.PreferredKind = DumpKind.Triage;
        system.Truth = new Truth("crash", server, []);
        return system;
    }
}
