using HangAnalysis.Model;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Windows;

/// <summary>Follows threads that are inside a network redirector: what they wait for is a server elsewhere.</summary>
/// <remarks>
/// A redirector waits in its own frames while it connects, opens or reads on a server; no object of the dump says which
/// server must act. That it is the redirector which waits is no fault of it: it is the end of the chain, and no culprit.
/// </remarks>
internal sealed class NetworkWaits(WindowsSystem system, StackSweep sweep, WaitGraphBuilder graph)
{
    /// <summary>Windows' network file systems, by module: SMB, DFS, WebDAV, NFS, remote desktop's and Plan 9's.</summary>
    private static readonly HashSet<string> s_redirectors =
    [
        "rdbss", "mrxsmb", "mrxsmb10", "mrxsmb20", "dfsc", "mrxdav", "nfsrdr", "rdpdr", "p9rdr",
    ];

    /// <summary>Adds the step of one blocked thread, if the first driver above its wait is a redirector.</summary>
    public void Add(ThreadFacts thread)
    {
        if (thread.Message != 0)
            return;
        IReadOnlyList<string> functions = sweep.Functions(thread);
        for (int i = 0; i < functions.Count; i++)
        {
            int end = functions[i].IndexOf('!', StringComparison.Ordinal);
            string module = end < 0 ? functions[i] : functions[i][..end];
            if (module == "nt")
            {
                if (FrameKnowledge.IsWaitPrimitive(functions[i]))
                    continue;
                return;
            }
            if (!s_redirectors.Contains(module))
                return;
            RawFrame frame = sweep.GetRawStack(thread).Frames[i];
            if (frame.Kind == FrameKind.Scanned
                || system.FindModule(frame.InstructionPointer) is not { Origin: not ModuleOrigin.ThirdParty } redirector)
                return;
            ObjectReference driver = new(ObjectKind.Driver, redirector.BaseAddress);
            graph.Describe(new ObjectFacts(driver, "network redirector", redirector.FileName, null) { IsExternal = true });
            graph.Add(ObjectReference.To(thread.Address), driver,
                Phrase.Of($"an answer from the network, which {redirector.FileName} waits for"), Certainty.Inferred,
                DebuggerCommands.Stack(thread));
            return;
        }
    }
}
